/* Lists of processors: process.execCPUAffinity. */
#include "oci-spec/rooms.h"

#include <errno.h>

/* Digits, up to what no mask can hold. NULL where there are none. */
static const char *read_number(const char *text, size_t *ret_number)
{
        size_t number = 0;

        if (*text < '0' || *text > '9')
                return NULL;
        for (; *text >= '0' && *text <= '9'; text++)
                if (number <= SPEC_CPUS_BYTES * 8)
                        number = number * 10 + (size_t)(*text - '0');
        *ret_number = number;
        return text;
}

int spec_cpus_parse(const char *text, unsigned char *mask, size_t size)
{
        size_t first, last;

        for (;;) {
                text = read_number(text, &first);
                if (text == NULL)
                        return -EINVAL;
                last = first;
                if (*text == '-')
                        text = read_number(text + 1, &last);
                if (text == NULL || last < first)
                        return -EINVAL;
                if (last >= size * 8)
                        return -ERANGE;
                for (; mask != NULL && first <= last; first++)
                        mask[first / 8] |= (unsigned char)(1u << first % 8);
                if (*text == '\0')
                        return 0;
                if (*text++ != ',')
                        return -EINVAL;
        }
}
