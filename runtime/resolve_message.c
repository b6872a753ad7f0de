/* DNS messages (RFC 1035): one kind of question, and its answers with their aliases. Answers come from outside: every
 * offset is checked, and pointers of compressed names are followed backwards only, so that they end. */
#include "runtime/resolve.h"

#include <ctype.h>
#include <string.h>

#define HEADER 12
#define NAME_SIZE 256
#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28
#define CLASS_IN 1
#define MAX_ALIASES 16

size_t resolve_write_question(const char *name, bool is_v6, uint16_t id, unsigned char *message)
{
        static const unsigned char rest[] = { 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0 };  /* recursion desired; one question */
        size_t at = HEADER;

        message[0] = (unsigned char)(id >> 8);
        message[1] = (unsigned char)id;
        memcpy(message + 2, rest, sizeof rest);
        while (*name != '\0') {
                size_t length = strcspn(name, ".");

                if (length == 0 || length > 63 || at + length + 1 > HEADER + 254)
                        return 0;
                message[at++] = (unsigned char)length;
                memcpy(message + at, name, length);
                at += length;
                name += length + (name[length] == '.');
        }
        if (at == HEADER)
                return 0;
        message[at++] = 0;
        message[at++] = 0;
        message[at++] = is_v6 ? TYPE_AAAA : TYPE_A;
        message[at++] = 0;
        message[at++] = CLASS_IN;
        return at;
}

static bool read_u16(const unsigned char *message, size_t length, size_t *at, uint16_t *ret_value)
{
        if (length - *at < 2)
                return false;
        *ret_value = (uint16_t)(message[*at] << 8 | message[*at + 1]);
        *at += 2;
        return true;
}

/* As text in lower case, "a.b"; a byte that no host name has makes it another name. */
static bool read_name(const unsigned char *message, size_t length, size_t *at, char *ret_name)
{
        size_t from = *at, limit = length, n = 0;
        bool has_jumped = false;

        for (;;) {
                unsigned char label;

                if (from >= limit)
                        return false;
                label = message[from++];
                if (label >= 0xc0) {
                        size_t to;

                        if (from >= limit)
                                return false;
                        to = (size_t)(label & 0x3f) << 8 | message[from++];
                        if (!has_jumped)
                                *at = from;
                        has_jumped = true;
                        /* Only to what lies before, and from there no further than here. */
                        if (to >= from - 2)
                                return false;
                        limit = from - 2;
                        from = to;
                        continue;
                }
                if (label > 63 || label > limit - from || n + label + 2 > NAME_SIZE)
                        return false;
                if (label == 0)
                        break;
                if (n > 0)
                        ret_name[n++] = '.';
                for (unsigned char i = 0; i < label; i++) {
                        unsigned char c = message[from++];

                        ret_name[n++] = isalnum(c) || c == '-' || c == '_' ? (char)tolower(c) : '?';
                }
        }
        ret_name[n] = '\0';
        if (!has_jumped)
                *at = from;
        return true;
}

struct record {
        char owner[NAME_SIZE];
        uint16_t type, class, length;
        size_t data;
};

static bool read_record(const unsigned char *message, size_t length, size_t *at, struct record *ret_record)
{
        if (!read_name(message, length, at, ret_record->owner) || !read_u16(message, length, at, &ret_record->type) ||
            !read_u16(message, length, at, &ret_record->class) || length - *at < 4)
                return false;
        *at += 4;       /* how long it may be kept */
        if (!read_u16(message, length, at, &ret_record->length) || ret_record->length > length - *at)
                return false;
        ret_record->data = *at;
        *at += ret_record->length;
        return true;
}

static bool is_question(const unsigned char *message, size_t length, size_t *at, const char *name, bool is_v6)
{
        char asked[NAME_SIZE];
        uint16_t type, class;

        return read_name(message, length, at, asked) && read_u16(message, length, at, &type) &&
               read_u16(message, length, at, &class) && strcasecmp(asked, name) == 0 &&
               type == (is_v6 ? TYPE_AAAA : TYPE_A) && class == CLASS_IN;
}

enum resolve_outcome resolve_read_answer(const unsigned char *message, size_t length, const char *name, bool is_v6, uint16_t id,
                                         struct host_address *ret_addresses, size_t *ret_n)
{
        uint16_t their_id, flags, n_questions, n_answers;
        struct record record;
        char current[NAME_SIZE];
        size_t at = 0, first;

        *ret_n = 0;
        if (length < HEADER || strlen(name) >= sizeof current)
                return RESOLVE_OTHER;
        read_u16(message, length, &at, &their_id);
        read_u16(message, length, &at, &flags);
        read_u16(message, length, &at, &n_questions);
        read_u16(message, length, &at, &n_answers);
        at = HEADER;
        if (their_id != id || !(flags & 0x8000) || n_questions != 1 || !is_question(message, length, &at, name, is_v6))
                return RESOLVE_OTHER;
        if (flags & 0x0200)
                return RESOLVE_CUT;
        if ((flags & 0xf) == 3)
                return RESOLVE_UNKNOWN;
        if ((flags & 0xf) != 0)
                return RESOLVE_FAILED;
        first = at;
        strcpy(current, name);
        for (unsigned alias = 0; alias < MAX_ALIASES; alias++) {
                bool is_alias = false;

                at = first;
                for (uint16_t i = 0; i < n_answers; i++) {
                        if (!read_record(message, length, &at, &record))
                                return RESOLVE_FAILED;
                        if (record.class != CLASS_IN || strcasecmp(record.owner, current) != 0)
                                continue;
                        if (record.type == TYPE_CNAME && !is_alias) {
                                size_t target = record.data;

                                if (!read_name(message, record.data + record.length, &target, current))
                                        return RESOLVE_FAILED;
                                is_alias = true;
                                break;
                        }
                        if (record.type == (is_v6 ? TYPE_AAAA : TYPE_A) && record.length == (is_v6 ? 16 : 4) &&
                            *ret_n < RESOLVE_MAX_ADDRESSES) {
                                ret_addresses[*ret_n].is_v6 = is_v6;
                                memcpy(ret_addresses[(*ret_n)++].bytes, message + record.data, record.length);
                        }
                }
                if (!is_alias)
                        return RESOLVE_FOUND;
                *ret_n = 0;
        }
        return RESOLVE_FAILED;  /* aliases in a circle */
}
