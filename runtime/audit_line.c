#include "runtime/audit_line.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/base/text.h"

#define HEX_LENGTH (2 * SHA256_LENGTH)
#define SEQ "{\"seq\":"
#define PREV ",\"prev\":\""
#define MAC ",\"mac\":\""
/* ,"mac":"64 digits"} */
#define MAC_PART_LENGTH (strlen(MAC) + HEX_LENGTH + strlen("\"}"))

static_assert(AUDIT_MAC_LENGTH == SHA256_LENGTH, "both are written in 64 digits");

bool audit_hex_read(const char *text, uint8_t ret_bytes[SHA256_LENGTH])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < HEX_LENGTH; i++) {
                const char *at = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

                if (at == NULL)
                        return false;
                ret_bytes[i / 2] = (uint8_t)(ret_bytes[i / 2] << 4 | (uint8_t)(at - digits));
        }
        return true;
}

/* Is @text at @line, and not beyond its end? */
static bool has_at(const char *line, size_t length, size_t at, const char *text)
{
        size_t n = strlen(text);

        return at <= length && length - at >= n && memcmp(line + at, text, n) == 0;
}

int audit_line_read(const char *line, size_t length, struct audit_line *ret_line)
{
        struct audit_line read = { .n_covered = length };
        size_t at = strlen(SEQ), n = 0, mac_at;

        if (length > AUDIT_LINE_LIMIT_BYTES || !has_at(line, length, 0, SEQ))
                return -EBADMSG;
        /* One way to write a number: no sign, no zero in front, and it fits. */
        for (; at < length && line[at] >= '0' && line[at] <= '9'; at++, n++) {
                if (n == 19 || (n == 0 && line[at] == '0'))
                        return -EBADMSG;
                read.sequence = read.sequence * 10 + (uint64_t)(line[at] - '0');
        }
        if (n == 0 || !has_at(line, length, at, PREV))
                return -EBADMSG;
        at += strlen(PREV);
        if (length - at < HEX_LENGTH + strlen("\",\"}") || !audit_hex_read(line + at, read.prev) ||
            !has_at(line, length, at + HEX_LENGTH, "\",\"") || line[length - 1] != '}')
                return -EBADMSG;
        at += HEX_LENGTH + strlen("\",");
        mac_at = length > MAC_PART_LENGTH ? length - MAC_PART_LENGTH : 0;
        if (mac_at > at && has_at(line, length, mac_at, MAC) && has_at(line, length, length - 2, "\"}") &&
            audit_hex_read(line + mac_at + strlen(MAC), read.mac)) {
                read.has_mac = true;
                read.n_covered = mac_at;
        }
        *ret_line = read;
        return 0;
}

void audit_line_hash(const char *line, size_t length, uint8_t ret_hash[SHA256_LENGTH])
{
        sha256_of(line, length, ret_hash);
}

bool audit_line_is_of_key(const char *line, const struct audit_line *read, const uint8_t key[AUDIT_KEY_LENGTH])
{
        uint8_t mac[AUDIT_MAC_LENGTH];

        if (!read->has_mac)
                return false;
        audit_mac_make(key, line, read->n_covered, mac);
        return audit_mac_is_same(mac, read->mac, sizeof mac);
}

void audit_line_write(struct text_buffer *out, uint64_t sequence, const uint8_t prev[SHA256_LENGTH], const char *const *members,
                      size_t n_members, const uint8_t *key, uint8_t ret_hash[SHA256_LENGTH])
{
        size_t begin = out->length;
        uint8_t mac[AUDIT_MAC_LENGTH];
        char hex[SHA256_TEXT_SIZE];

        sha256_text(prev, hex);
        text_addf(out, SEQ "%" PRIu64 PREV "%s\"", sequence, hex);
        for (size_t i = 0; i < n_members; i++) {
                text_add(out, ",");
                text_add(out, members[i]);
        }
        if (key != NULL && !out->is_broken) {
                audit_mac_make(key, out->text + begin, out->length - begin, mac);
                sha256_text(mac, hex);
                text_addf(out, MAC "%s\"", hex);
        }
        text_add(out, "}");
        if (out->is_broken)
                return;
        audit_line_hash(out->text + begin, out->length - begin, ret_hash);
        text_add(out, "\n");
}
