/* Id maps: the text of /proc/PID/uid_map, and the mappings of config.json made of the same lines. */
#include "tests/fuzz/fuzz.h"

#include "runtime/base/text.h"
#include "runtime/host.c"
#include "runtime/userns.h"

static void check_config(const char *text)
{
        auto_arena struct arena arena = { NULL };
        auto_buffer struct text_buffer config = { 0 };
        struct error err = { 0 };
        const struct spec_id_map *map;
        struct spec spec;

        text_add(&config, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"linux\":{\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[");
        for (const char *line = text; *line != '\0'; line++) {
                char number[3][24] = { "0", "0", "0" };

                sscanf(line, "%23[-0-9.eE] %23[-0-9.eE] %23[-0-9.eE]", number[0], number[1], number[2]);
                text_addf(&config, "%s{\"containerID\":%s,\"hostID\":%s,\"size\":%s}", line == text ? "" : ",", number[0], number[1],
                          number[2]);
                line = strchrnul(line, '\n');
                if (*line == '\0')
                        break;
        }
        text_add(&config, "]}}");
        if (config.is_broken || spec_read(&arena, config.text, config.length, "f.json", &spec, &err) < 0)
                return;
        map = spec.linux_.uid_map;
        for (size_t i = 0; i < spec.linux_.n_uid_map; i++) {
                must(map[i].size > 0, "a line has ids");
                must((uint64_t)map[i].outside + map[i].size <= UINT32_MAX, "ids outside end before -1");
                must((uint64_t)map[i].inside + map[i].size <= UINT32_MAX, "ids inside end before -1");
                for (size_t j = 0; j < i; j++) {
                        must(map[i].inside >= map[j].inside + map[j].size || map[j].inside >= map[i].inside + map[i].size,
                             "no id inside is there twice");
                        must(map[i].outside >= map[j].outside + map[j].size || map[j].outside >= map[i].outside + map[i].size,
                             "no id outside is there twice");
                }
                must(userns_map_id(map, spec.linux_.n_uid_map, map[i].inside) == (int64_t)map[i].outside, "the first is found");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_free char *text = fuzz_text(bytes, length);
        auto_arena struct arena arena = { NULL };
        const struct spec_id_map *map;
        size_t n;

        check_config(text);
        must(parse_map(&arena, text, &map, &n) == 0, "lines that are none are passed over");
        for (size_t i = 0; i < n; i++) {
                int64_t outside = userns_map_id(map, n, map[i].inside);

                must(outside >= -1 && outside <= UINT32_MAX + INT64_C(1) + UINT32_MAX, "an id or none");
        }
        (void)is_whole(map, n);
        (void)privilege_of(map, n);
        return 0;
}
