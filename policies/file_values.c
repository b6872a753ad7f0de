/* The values of the policy file: durations, sizes, dates, names, paths, patterns, networks. One grammar each, the same
 * as in runb-policy.schema.json: letters beyond it are refused rather than guessed at. */
#include "policies/file_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/exceptions.h"
#include "runtime/base/text.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_made_of(const char *text, const char *first, const char *rest, size_t longest)
{
        size_t length = strlen(text);

        return length >= 1 && length <= longest && strchr(first, text[0]) != NULL && strspn(text, rest) == length;
}

static bool has_control(const char *text)
{
        for (; *text != '\0'; text++) {
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        return true;
        }
        return false;
}

/* A typing error as a rule: the list has what was meant. */
static int fail_unknown(const struct reader *reader, const struct reader_field *fields, size_t n_fields)
{
        char known[512] = "";
        size_t used = 0;

        for (size_t i = 0; i < n_fields && used < sizeof known; i++)
                used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", fields[i].name);
        return reader_fail(reader, EINVAL, "unknown key; here are known: %s", known);
}

int policy_read_object(struct reader *reader, const struct json_node *node, const struct reader_field *fields,
                       size_t n_fields, void *object)
{
        int r = reader_expect(reader, node, JSON_OBJECT);

        if (r < 0)
                return r;
        json_for_each(member, node) {
                struct reader_step step = policy_step_to(reader, member);
                const struct reader_step *up = reader->at;
                bool is_known = false;

                for (size_t i = 0; i < n_fields && !is_known; i++)
                        is_known = strcmp(member->key, fields[i].name) == 0;
                reader->at = &step;
                if (!is_known)
                        r = fail_unknown(reader, fields, n_fields);
                else if (member->type == JSON_NULL)
                        r = reader_fail(reader, EINVAL, "null is no value here; leave the key out");
                reader->at = up;
                if (r < 0)
                        return r;
        }
        return reader_object(reader, node, fields, n_fields, object);
}

struct reader_step policy_step_to(const struct reader *reader, const struct json_node *member)
{
        bool is_plain = is_made_of(member->key, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "_.+-", 64);

        return (struct reader_step){ .up = reader->at, .name = member->key, .is_key = !is_plain };
}

int policy_read_texts(struct reader *reader, const struct json_node *node, reader_function *read,
                      struct policy_texts *ret_texts)
{
        void *items;
        size_t n;
        int r = reader_children(reader, node, READER_ARRAY, read, sizeof(const char *), &items, &n);

        if (r == 0)
                *ret_texts = (struct policy_texts){ items, n };
        return r;
}

/* ---- names ---- */

bool policy_is_profile_name(const char *text)
{
        return is_made_of(text, LOWER DIGITS, LOWER DIGITS "-", 63);
}

int policy_read_profile_name(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!policy_is_profile_name(node->text))
                return reader_fail(reader, EINVAL,
                                   "%s is no name of a profile: lower-case letters, digits and \"-\" are wanted",
                                   READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

int policy_read_id(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!is_made_of(node->text, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._:+-", 64))
                return reader_fail(reader, EINVAL, "%s: up to 64 letters, digits and \"._:+-\" are wanted, a letter or "
                                   "digit first", READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

int policy_read_sentence(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (node->n == 0 || node->n > 512 || has_control(node->text))
                return reader_fail(reader, EINVAL, "one line of 1 to 512 bytes is wanted");
        *(const char **)into = node->text;
        return 0;
}

/* ---- numbers with a unit ---- */

/* "30m": up to @digits digits without a leading zero, and one letter of @units. */
static bool take_number(const char *text, size_t digits, const char *units, uint64_t *ret_number, char *ret_unit)
{
        size_t n = strspn(text, DIGITS);

        if (n == 0 || n > digits || text[0] == '0' || text[n] == '\0' || text[n + 1] != '\0' ||
            strchr(units, text[n]) == NULL)
                return false;
        *ret_number = 0;
        for (size_t i = 0; i < n; i++)
                *ret_number = *ret_number * 10 + (uint64_t)(text[i] - '0');
        *ret_unit = text[n];
        return true;
}

int policy_read_duration(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t number;
        char unit;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!take_number(node->text, 6, "smhd", &number, &unit))
                return reader_fail(reader, EINVAL,
                                   "%s is no duration: a number and s, m, h or d are wanted, as \"30m\"",
                                   READER_QUOTE(node->text));
        *(uint64_t *)into = number * (unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 86400);
        return 0;
}

/* Beyond 2^53 other readers of JSON count wrong. */
#define HIGHEST_NUMBER (UINT64_C(1) << 53)

int policy_read_size(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t number;
        char unit;

        if (node->type == JSON_NUMBER)
                return reader_unsigned(reader, node, HIGHEST_NUMBER, into);
        if (node->type != JSON_STRING || !take_number(node->text, 6, "KMGT", &number, &unit))
                return reader_fail(reader, EINVAL, "%s is no size: bytes, or a number and K, M, G or T are wanted, as "
                                   "\"4G\"", node->type == JSON_STRING ? READER_QUOTE(node->text) :
                                                                         json_type_text(node->type));
        *(uint64_t *)into = number << (unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 40);
        return 0;
}

int policy_read_cpus(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t whole = 0, thousandths = 0;
        size_t n, m;

        if (node->type == JSON_NUMBER) {
                int r = reader_unsigned(reader, node, 8192, &whole);

                if (r == 0 && whole == 0)
                        r = reader_fail(reader, EINVAL, "0 is out of range (1 to 8192)");
                if (r == 0)
                        *(uint64_t *)into = whole * 1000;
                return r;
        }
        n = node->type == JSON_STRING ? strspn(node->text, DIGITS) : 0;
        if (n >= 1 && n <= 4 && node->text[n] == '.') {
                const char *part = node->text + n + 1;

                m = strspn(part, DIGITS);
                for (size_t i = 0; i < n; i++)
                        whole = whole * 10 + (uint64_t)(node->text[i] - '0');
                for (size_t i = 0; i < 3; i++)
                        thousandths = thousandths * 10 + (i < m ? (uint64_t)(part[i] - '0') : 0);
                if (m >= 1 && m <= 3 && part[m] == '\0' && whole + thousandths > 0) {
                        *(uint64_t *)into = whole * 1000 + thousandths;
                        return 0;
                }
        }
        return reader_fail(reader, EINVAL, "%s is no number of CPUs: 2, or a part as \"1.5\", is wanted",
                           node->type == JSON_STRING ? READER_QUOTE(node->text) : json_type_text(node->type));
}

/* ---- dates ---- */

static bool is_leap(unsigned year)
{
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int policy_read_date(struct reader *reader, const struct json_node *node, const char **ret_date, int64_t *ret_ends_at)
{
        static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        unsigned year, month, day, length;
        const char *t = node->text;
        int64_t days;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        for (size_t i = 0; i < 10; i++) {
                if (i == 4 || i == 7 ? t[i] != '-' : t[i] < '0' || t[i] > '9')
                        goto invalid;
        }
        if (t[10] != '\0')
                goto invalid;
#define DIGIT(i) ((unsigned)(t[i] - '0'))
        year = DIGIT(0) * 1000 + DIGIT(1) * 100 + DIGIT(2) * 10 + DIGIT(3);
        month = DIGIT(5) * 10 + DIGIT(6);
        day = DIGIT(8) * 10 + DIGIT(9);
#undef DIGIT
        if (year < 2000 || month < 1 || month > 12)
                goto invalid;
        length = lengths[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
        if (day < 1 || day > length)
                goto invalid;
        days = 0;
        for (unsigned y = 1970; y < year; y++)
                days += is_leap(y) ? 366 : 365;
        for (unsigned m = 1; m < month; m++)
                days += lengths[m - 1] + (m == 2 && is_leap(year) ? 1 : 0);
        *ret_date = t;
        *ret_ends_at = (days + day) * 86400;
        return 0;
invalid:
        return reader_fail(reader, EINVAL, "%s is no date: one as \"2027-01-31\" is wanted", READER_QUOTE(t));
}

/* ---- paths ---- */

/* Absolute, without empty, "." and ".." components and without a final slash. */
static bool is_clean_path(const char *text, size_t length)
{
        if (length == 0 || length > 4095 || text[0] != '/')
                return false;
        if (length == 1)
                return true;
        for (size_t i = 0; i < length;) {
                size_t n = 0;

                i++;    /* the slash */
                while (i + n < length && text[i + n] != '/')
                        n++;
                if (n == 0 || (n == 1 && text[i] == '.') || (n == 2 && text[i] == '.' && text[i + 1] == '.'))
                        return false;
                i += n;
        }
        return true;
}

static int fail_path(struct reader *reader, const struct json_node *node, const char *more)
{
        return reader_fail(reader, EINVAL, "%s: an absolute path without \"//\", \".\" and \"..\" is wanted%s",
                           READER_QUOTE(node->text), more);
}

int policy_read_path(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (has_control(node->text) || !is_clean_path(node->text, node->n) || node->n == 1)
                return fail_path(reader, node, "");
        *(const char **)into = node->text;
        return 0;
}

int policy_read_path_pattern(struct reader *reader, const struct json_node *node, void *into)
{
        size_t length;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        length = node->n;
        if (length >= 3 && strcmp(node->text + length - 3, "/**") == 0)
                length -= 3;
        if (has_control(node->text) || (length > 0 && !is_clean_path(node->text, length)) ||
            (length == 0 && node->n != 3) || (length == 1 && node->n > 1) ||
            memmem(node->text, length, "**", 2) != NULL)
                return fail_path(reader, node,
                                 "; \"*\" and \"?\" match within a component, \"/**\" at the end a folder and all "
                                 "below it");
        *(const char **)into = node->text;
        return 0;
}

int policy_read_hook_path(struct reader *reader, const struct json_node *node, void *into)
{
        size_t length;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        length = node->n;
        if (length > 1 && node->text[length - 1] == '/')
                length--;
        if (has_control(node->text) || length < 2 || !is_clean_path(node->text, length))
                return fail_path(reader, node, "; with a final slash: a folder and all below it");
        *(const char **)into = node->text;
        return 0;
}

int policy_read_name_pattern(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!is_made_of(node->text, LOWER UPPER DIGITS "_.*?-", LOWER UPPER DIGITS "_.*?-", 128))
                return reader_fail(reader, EINVAL, "%s is no pattern of a variable's name: letters, digits, \"_.-\", "
                                   "\"*\" and \"?\" are wanted", READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

int policy_read_property(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!is_made_of(node->text, UPPER, LOWER UPPER DIGITS, 128))
                return reader_fail(reader, EINVAL, "%s is no name of a property of systemd, such as TimeoutStopUSec",
                                   READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

/* ---- networks ---- */

/* RFC 1123: labels of letters, digits and inner dashes; the last one not all digits, which would be an address. */
static bool is_host_name(const char *text)
{
        size_t length = strlen(text), n = 0;
        bool has_letter = false;

        if (length == 0 || length > 253)
                return false;
        for (size_t i = 0; i <= length; i++) {
                char c = text[i];

                if (c == '.' || c == '\0') {
                        if (n == 0 || n > 63 || text[i - 1] == '-')
                                return false;
                        if (c == '\0')
                                return has_letter;
                        n = 0;
                        has_letter = false;
                } else if (c == '-' ? n == 0 : strchr(LOWER UPPER DIGITS, c) == NULL) {
                        return false;
                } else {
                        n++;
                        has_letter |= c != '-' && strchr(DIGITS, c) == NULL;
                }
        }
        return false;
}

/* inet_pton(3) takes no leading zeros and no short forms; of IPv6, the form that ends in an IPv4 address is left
 * out. */
static int family_of(const char *address)
{
        unsigned char bytes[sizeof(struct in6_addr)];

        if (inet_pton(AF_INET, address, bytes) == 1)
                return AF_INET;
        if (strchr(address, '.') == NULL && inet_pton(AF_INET6, address, bytes) == 1)
                return AF_INET6;
        return AF_UNSPEC;
}

int policy_read_host(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!is_host_name(node->text))
                return reader_fail(reader, EINVAL, "%s is no host name; addresses go into \"cidr\"",
                                   READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

/* Decimal, without leading zeros. */
static bool is_number_up_to(const char *text, uint64_t least, uint64_t most)
{
        uint64_t value;

        return text_to_u64(text, &value) == 0 && (text[0] != '0' || text[1] == '\0') && value >= least && value <= most;
}

/* The bits of the address that the prefix leaves to hosts. */
static bool has_host_bits(const char *address, int family, unsigned prefix)
{
        unsigned char bytes[sizeof(struct in6_addr)] = { 0 };
        unsigned n = family == AF_INET ? 32 : 128;

        inet_pton(family, address, bytes);
        for (unsigned bit = prefix; bit < n; bit++)
                if (bytes[bit / 8] & (0x80 >> bit % 8))
                        return true;
        return false;
}

int policy_read_cidr(struct reader *reader, const struct json_node *node, void *into)
{
        char address[64] = "";
        const char *slash;
        int family, r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        slash = strchr(node->text, '/');
        if (slash != NULL && (size_t)(slash - node->text) < sizeof address)
                memcpy(address, node->text, (size_t)(slash - node->text));
        family = family_of(address);
        if (family == AF_UNSPEC || slash == NULL || !is_number_up_to(slash + 1, 0, family == AF_INET ? 32 : 128))
                return reader_fail(reader, EINVAL,
                                   "%s is no network: an address and the length of its prefix are wanted, as "
                                   "\"10.20.0.5/32\"",
                                   READER_QUOTE(node->text));
        /* Taken as the network that holds it, a slip of the pen would let out to all of that. */
        if (has_host_bits(address, family, (unsigned)strtoul(slash + 1, NULL, 10)))
                return reader_fail(reader, EINVAL,
                                   "%s has bits behind its prefix; write /%u for the one address, or the network's "
                                   "first one",
                                   READER_QUOTE(node->text), family == AF_INET ? 32u : 128u);
        *(const char **)into = node->text;
        return 0;
}

int policy_read_port_range(struct reader *reader, const struct json_node *node, struct policy_ports *ret_ports)
{
        const char *dash = strchr(node->text, '-');
        char first[8] = "";
        uint64_t from, to;

        if (dash != NULL && (size_t)(dash - node->text) < sizeof first)
                memcpy(first, node->text, (size_t)(dash - node->text));
        if (dash == NULL || !is_number_up_to(first, 1, 65535) || !is_number_up_to(dash + 1, 1, 65535))
                return reader_fail(reader, EINVAL,
                                   "%s is no range of ports: one as \"8000-8100\" is wanted, or a number",
                                   READER_QUOTE(node->text));
        text_to_u64(first, &from);
        text_to_u64(dash + 1, &to);
        if (from > to)
                return reader_fail(reader, EINVAL, "%s runs backwards; the lower port comes first",
                                   READER_QUOTE(node->text));
        *ret_ports = (struct policy_ports){ (uint16_t)from, (uint16_t)to };
        return 0;
}

int policy_read_proxy(struct reader *reader, const struct json_node *node, void *into)
{
        char address[64] = "";
        const char *colon;
        size_t n;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        colon = strrchr(node->text, ':');
        n = colon != NULL ? (size_t)(colon - node->text) : 0;
        if (n >= 2 && node->text[0] == '[' && node->text[n - 1] == ']' && n - 2 < sizeof address)
                memcpy(address, node->text + 1, n - 2);
        else if (n < sizeof address)
                memcpy(address, node->text, n);
        if (colon == NULL || family_of(address) != (node->text[0] == '[' ? AF_INET6 : AF_INET) ||
            !is_number_up_to(colon + 1, 1, 65535))
                return reader_fail(reader, EINVAL, "%s is no proxy: an address and a port are wanted, as "
                                   "\"10.0.0.1:3128\" or \"[fd00::1]:3128\"", READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

/* ---- exceptions ---- */

int policy_read_exception_token(struct reader *reader, const struct json_node *node, void *into)
{
        const char *path;
        uint32_t first, last;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        path = policy_exceptions_path(node->text);
        if (!policy_exceptions_is_word(node->text) && !policy_exceptions_ids(node->text, &first, &last) &&
            (path == NULL || has_control(path) || !is_clean_path(path, strlen(path)) || strlen(path) < 2))
                return reader_fail(
                        reader, EINVAL,
                        "%s is nothing that can be excepted: network.host, pid.host, ipc.host, uts.host, "
                        "noNewPrivileges, capabilities.inheritable, capabilities.ambient, mount.namespace, "
                        "rootfs.propagation, ids:FIRST-LAST, or mount:, device: or hook: and an absolute path are "
                        "wanted",
                        READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}
