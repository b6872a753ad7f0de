/* A scope's properties can lift a limit, move the container or run something; and whoever writes config.json would be
 * asking the host's systemd. So none is taken but by name. Engines send harmless ones with each container
 * (TimeoutStopUSec, After), so the others are left out, and recorded, rather than refused. */
#include "policies/systemd.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/text.h"

bool policy_systemd_may_list(const char *property)
{
        /* systemd.resource-control(5), org.freedesktop.systemd1(5). With "*": all that begin so. */
        static const char *const ours[] = {
                "Allowed*",        "BPF*",      "Block*",      "CPU*",    "Controller*", "DefaultMemory*",
                "DefaultStartup*", "Delegate*", "Description", "Device*", "Disable*",    "IO*",
                "Memory*",         "NFTSet",    "PIDFDs",      "PIDs",    "Slice",       "SocketBind*",
                "Startup*",        "Tasks*",    "Transient",   "User",
        };

        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                if (text_matches(ours[i], property))
                        return false;
        return true;
}

static bool is_listed(const struct policy_texts *list, const char *property)
{
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], property) == 0)
                        return true;
        return false;
}

int policy_systemd_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec *asked = judge->asked;
        struct spec_pair *properties;
        size_t n = 0;

        /* They mean nothing where systemd has no part. */
        if (!judge->host->is_systemd_cgroup || asked->n_annotations == 0)
                return 0;
        properties = arena_array(judge->arena, asked->n_annotations, sizeof *properties);
        if (properties == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < asked->n_annotations; i++) {
                const struct spec_pair *annotation = &asked->annotations[i];
                const char *name = annotation->key + strlen(POLICY_SYSTEMD_ANNOTATION);

                if (!text_starts_with(annotation->key, POLICY_SYSTEMD_ANNOTATION))
                        continue;
                if (is_listed(&judge->policy->profile.systemd_properties, name))
                        properties[n++] = (struct spec_pair){ name, annotation->value };
                else
                        judge_tighten(judge, "systemd.properties", annotation->key, annotation->value, "left out");
        }
        sandbox->systemd_properties = properties;
        sandbox->n_systemd_properties = n;
        return 0;
}
