/* One matcher for all patterns, without classes and escapes: a bracket is a bracket. Linear in the text for each star,
 * as only the last star is gone back to. */
#include "policies/patterns.h"

#include <string.h>

/* @text and @pattern: their lengths, not their ends. */
static bool match_part(const char *pattern, size_t n_pattern, const char *text, size_t n_text)
{
        size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

        while (t < n_text) {
                if (p < n_pattern && pattern[p] == '*') {
                        star = p++;
                        from = t;
                } else if (p < n_pattern && (pattern[p] == '?' || pattern[p] == text[t])) {
                        p++;
                        t++;
                } else if (star != SIZE_MAX) {
                        p = star + 1;
                        t = ++from;
                } else {
                        return false;
                }
        }
        while (p < n_pattern && pattern[p] == '*')
                p++;
        return p == n_pattern;
}

bool policy_patterns_match_name(const char *pattern, const char *name)
{
        return match_part(pattern, strlen(pattern), name, strlen(name));
}

/* Walks both by component. @is_enough_to_begin: the path may end before the pattern does. */
static bool match_path(const char *pattern, const char *path, bool is_enough_to_begin)
{
        for (;;) {
                size_t n_pattern, n_path;

                while (*pattern == '/')
                        pattern++;
                while (*path == '/')
                        path++;
                if (strcmp(pattern, "**") == 0)
                        return true;
                if (*path == '\0')
                        return *pattern == '\0' || is_enough_to_begin;
                if (*pattern == '\0')
                        return false;
                n_pattern = strcspn(pattern, "/");
                n_path = strcspn(path, "/");
                if (!match_part(pattern, n_pattern, path, n_path))
                        return false;
                pattern += n_pattern;
                path += n_path;
        }
}

bool policy_patterns_match(const char *pattern, const char *path)
{
        return match_path(pattern, path, false);
}

bool policy_patterns_reach(const char *pattern, const char *folder)
{
        return match_path(pattern, folder, true);
}

const char *policy_patterns_find_match(const struct policy_texts *patterns, const char *path)
{
        for (size_t i = 0; i < patterns->n; i++) {
                if (policy_patterns_match(patterns->items[i], path))
                        return patterns->items[i];
        }
        return NULL;
}

const char *policy_patterns_find_reach(const struct policy_texts *patterns, const char *folder)
{
        for (size_t i = 0; i < patterns->n; i++) {
                if (policy_patterns_reach(patterns->items[i], folder))
                        return patterns->items[i];
        }
        return NULL;
}
