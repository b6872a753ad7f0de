/* Reads policy files, one a line, and prints a line for each: "ok", or what is wrong. For tests/cli/policy_schema.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "policies/file.h"

int main(void)
{
        char *line = NULL;
        size_t size = 0;
        ssize_t length;

        while ((length = getline(&line, &size, stdin)) > 0) {
                auto_arena struct arena arena = { 0 };
                struct policy_file file;
                struct error err = { 0 };

                if (line[length - 1] == '\n')
                        length--;
                if (policy_file_read(&arena, line, (size_t)length, "policy.json", &file, &err) == 0)
                        puts("ok");
                else
                        puts(err.text);
        }
        free(line);
        return 0;
}
