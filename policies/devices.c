/* Device nodes and the cgroup's device rules.
 *
 * The rules are an allow list that begins with "deny all" (GHSA-g54h-m393-cpwq: taken as a deny list they let
 * everything through). The mknod right stays on the six: whoever makes the build's /dev may be in its cgroup already,
 * and the build itself has no CAP_MKNOD that the kernel would count.
 *
 * What the profile lists besides ("devices"), or an exception names ("device:/dev/kvm"), is a permission and not a
 * gift: the node is made where the engine asks for it (--device /dev/fuse), and opens as its rules ask. An exception is
 * for the device that the host has at the path, whatever it is called in the request: it counts by its number. */
#include "policies/devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policies/exceptions.h"
#include "policies/judge.h"
#include "policies/paths.h"

#define MODE_ALL 0666

static const struct spec_device standard_nodes[] = {
        { .type = S_IFCHR, .path = "/dev/null", .major = 1, .minor = 3, .has_mode = true, .mode = MODE_ALL },
        { .type = S_IFCHR, .path = "/dev/zero", .major = 1, .minor = 5, .has_mode = true, .mode = MODE_ALL },
        { .type = S_IFCHR, .path = "/dev/full", .major = 1, .minor = 7, .has_mode = true, .mode = MODE_ALL },
        { .type = S_IFCHR, .path = "/dev/random", .major = 1, .minor = 8, .has_mode = true, .mode = MODE_ALL },
        { .type = S_IFCHR, .path = "/dev/urandom", .major = 1, .minor = 9, .has_mode = true, .mode = MODE_ALL },
        { .type = S_IFCHR, .path = "/dev/tty", .major = 5, .minor = 0, .has_mode = true, .mode = MODE_ALL },
};
#define N_STANDARD (sizeof standard_nodes / sizeof *standard_nodes)

#define ACCESS_MKNOD 1u
#define ACCESS_RW 6u
#define ACCESS_RWM 7u

static const struct spec_device_rule standard_rules[] = {
        { .is_allow = false, .type = 'a', .major = -1, .minor = -1, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 1, .minor = 3, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 1, .minor = 5, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 1, .minor = 7, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 1, .minor = 8, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 1, .minor = 9, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 5, .minor = 0, .access = ACCESS_RWM },
        { .is_allow = true, .type = 'c', .major = 5, .minor = 1, .access = ACCESS_RW },         /* console */
        { .is_allow = true, .type = 'c', .major = 5, .minor = 2, .access = ACCESS_RW },         /* ptmx */
        { .is_allow = true, .type = 'c', .major = 136, .minor = -1, .access = ACCESS_RW },      /* devpts */
};
#define N_RULES (sizeof standard_rules / sizeof *standard_rules)

bool policy_devices_is_standard(mode_t type, uint32_t device_major, uint32_t device_minor)
{
        for (size_t i = 0; i < N_STANDARD; i++) {
                if (standard_nodes[i].type == type && standard_nodes[i].major == device_major &&
                    standard_nodes[i].minor == device_minor)
                        return true;
        }
        return false;
}

static bool is_excepted(const struct judge *judge, mode_t type, uint32_t device_major, uint32_t device_minor)
{
        const struct host *host = judge->host;

        for (size_t i = 0; i < host->n_devices; i++) {
                const struct host_device *device = &host->devices[i];
                const char *token = arena_format(judge->arena, "device:%s", device->path);

                if (token != NULL && device->type == type && device->major == device_major &&
                    device->minor == device_minor && policy_exceptions_find(judge->policy, token) != NULL)
                        return true;
        }
        return false;
}

bool policy_devices_excepts(struct judge *judge, const char *property, mode_t type, uint32_t device_major,
                            uint32_t device_minor)
{
        const struct host *host = judge->host;

        for (size_t i = 0; i < host->n_devices; i++) {
                const struct host_device *device = &host->devices[i];

                if (device->type == type && device->major == device_major && device->minor == device_minor &&
                    judge_excepts(judge, "devices", property, arena_format(judge->arena, "device:%s", device->path)))
                        return true;
        }
        return false;
}

bool policy_devices_is_listed(const struct judge *judge, mode_t type, uint32_t device_major, uint32_t device_minor)
{
        const struct policy_profile *profile = &judge->policy->profile;

        for (size_t i = 0; i < profile->n_devices; i++) {
                if (profile->devices[i].type == type && profile->devices[i].major == device_major &&
                    profile->devices[i].minor == device_minor)
                        return true;
        }
        return false;
}

/* Which of @nodes, of which the first are the standard ones, has this path; NULL: none. */
static struct spec_device *find_standard(struct spec_device *nodes, const char *path)
{
        for (size_t i = 0; i < N_STANDARD; i++) {
                if (strcmp(nodes[i].path, path) == 0)
                        return &nodes[i];
        }
        return NULL;
}

/* console, ptmx and the slaves: whoever makes the terminal makes these. */
static bool is_terminal(const struct spec_device *device)
{
        return device->type == S_IFCHR &&
               ((device->major == 5 && (device->minor == 1 || device->minor == 2)) || device->major == 136);
}

static const char *describe(struct arena *arena, const struct spec_device *device)
{
        if (device->type == S_IFIFO)
                return arena_format(arena, "%s (p)", device->path);
        return arena_format(arena, "%s (%c %u:%u)", device->path, device->type == S_IFBLK ? 'b' : 'c', device->major,
                            device->minor);
}

static void judge_node(struct judge *judge, const struct spec_device *asked, struct spec_device *nodes, size_t *n)
{
        const char *path = policy_paths_clean(judge->arena, asked->path);
        const char *text = describe(judge->arena, asked);
        struct spec_device *standard;

        if (path == NULL || text == NULL)
                return;
        if (asked->type != S_IFIFO && policy_devices_is_listed(judge, asked->type, asked->major, asked->minor)) {
                judge_record(judge, "devices", "linux.devices", text, "made: the profile lists it");
        } else if (asked->type != S_IFIFO && !policy_devices_is_standard(asked->type, asked->major, asked->minor) &&
                   (is_terminal(asked) ||
                    !policy_devices_excepts(judge, "linux.devices", asked->type, asked->major, asked->minor))) {
                if (is_terminal(asked)) {
                        judge_record(judge, "devices", "linux.devices", text,
                                     "the container's own, where it has a terminal");
                        return;
                }
                judge_refuse(
                        judge, "devices", "linux.devices", text, arena_format(judge->arena, "device:%s", asked->path),
                        "device %s is not one of null, zero, full, random, urandom and tty; drop the device, have the "
                        "policy file list it in the profile's \"devices\"",
                        text);
                return;
        }
        if (asked->type == S_IFIFO ? policy_paths_is_in(path, "/proc") || policy_paths_is_in(path, "/sys")
                                   : policy_paths_depth_in(path, "/dev") < 1) {
                judge_tighten(judge, "devices", "linux.devices", text, "left out: only /dev holds devices");
                return;
        }
        standard = find_standard(nodes, path);
        if (standard != NULL && standard->type == asked->type && standard->major == asked->major &&
            standard->minor == asked->minor) {
                *standard = *asked;     /* its owner and mode */
                standard->path = path;
                return;
        }
        if (standard != NULL) { /* it would only mislead */
                judge_tighten(judge, "devices", "linux.devices", text, "left out: a standard device has this name");
                return;
        }
        nodes[*n] = *asked;
        nodes[*n].path = path;
        (*n)++;
}

static bool is_within_standard(const struct spec_device_rule *rule)
{
        for (size_t i = 1; i < N_RULES; i++) {
                const struct spec_device_rule *known = &standard_rules[i];

                if (rule->type == known->type && rule->major == known->major &&
                    (rule->minor == known->minor || known->minor == -1))
                        return true;
        }
        return false;
}

/* What the rules of the request, in their order, give of one device. */
static uint32_t asked_access(const struct spec_resources *resources, const struct policy_device *device)
{
        const char type = device->type == S_IFBLK ? 'b' : 'c';
        uint32_t access = 0;

        for (size_t i = 0; i < resources->n_devices; i++) {
                const struct spec_device_rule *rule = &resources->devices[i];

                if ((rule->type != 'a' && rule->type != type) || (rule->major != -1 && rule->major != device->major) ||
                    (rule->minor != -1 && rule->minor != device->minor))
                        continue;
                access = rule->is_allow ? access | rule->access : access & ~rule->access;
        }
        return access;
}

static bool is_node_asked(const struct judge *judge, const struct policy_device *device)
{
        const struct spec_linux *asked = judge->asked != NULL ? &judge->asked->linux_ : NULL;

        for (size_t i = 0; asked != NULL && i < asked->n_devices; i++) {
                if (asked->devices[i].type == device->type && asked->devices[i].major == device->major &&
                    asked->devices[i].minor == device->minor)
                        return true;
        }
        return false;
}

/* What was asked of the devices that the profile lists, and the standard rules. The right to make a node comes with the
 * request for it, whatever its rules, as it stays on the standard ones. */
static int set_rules(struct judge *judge, struct spec_resources *resources)
{
        const struct policy_profile *profile = &judge->policy->profile;
        const struct host *host = judge->host;
        struct spec_device_rule *rules;
        size_t n = 1;

        if (profile->n_devices == 0 && host->n_devices == 0) {
                resources->devices = standard_rules;
                resources->n_devices = N_RULES;
                return 0;
        }
        rules = arena_array(judge->arena, N_RULES + profile->n_devices + host->n_devices, sizeof *rules);
        if (rules == NULL)
                return -ENOMEM;
        rules[0] = standard_rules[0];
        for (size_t i = 0; i < profile->n_devices + host->n_devices; i++) {
                const struct host_device *other =
                        i < profile->n_devices ? NULL : &host->devices[i - profile->n_devices];
                const struct policy_device named = other == NULL ? profile->devices[i] : (struct policy_device){
                        .path = other->path, .type = other->type, .major = other->major, .minor = other->minor };
                const struct policy_device *device = &named;
                uint32_t access = (asked_access(resources, device) & ACCESS_RWM) |
                                  (is_node_asked(judge, device) ? ACCESS_MKNOD : 0);

                if (access != 0 && (other == NULL || policy_devices_excepts(judge, "linux.resources.devices",
                                                                            other->type, other->major, other->minor)))
                        rules[n++] = (struct spec_device_rule){
                                .is_allow = true, .type = device->type == S_IFBLK ? 'b' : 'c', .major = device->major,
                                .minor = device->minor, .access = access,
                        };
        }
        memcpy(rules + n, standard_rules + 1, (N_RULES - 1) * sizeof *rules);
        resources->devices = rules;
        resources->n_devices = n + N_RULES - 1;
        return 0;
}

static bool is_everything(const struct spec_device_rule *rule)
{
        return rule->is_allow && rule->type == 'a' && rule->major == -1 && rule->minor == -1 &&
               (rule->access & ACCESS_RW) != 0;
}

static void describe_rule(const struct spec_device_rule *rule, char *ret_text, size_t size)
{
        char numbers[2][24];

        for (int i = 0; i < 2; i++) {
                int64_t number = i == 0 ? rule->major : rule->minor;

                if (number < 0)
                        snprintf(numbers[i], sizeof numbers[i], "*");
                else
                        snprintf(numbers[i], sizeof numbers[i], "%lld", (long long)number);
        }
        snprintf(ret_text, size, "%c %s:%s %s%s%s", rule->type, numbers[0], numbers[1], rule->access & 2 ? "r" : "",
                 rule->access & 4 ? "w" : "", rule->access & 1 ? "m" : "");
}

/* For one device that the profile lists or an exception names. */
static bool is_rule_for_known(const struct judge *judge, const struct spec_device_rule *rule)
{
        mode_t type = rule->type == 'b' ? S_IFBLK : S_IFCHR;

        return rule->major >= 0 && rule->minor >= 0 && (rule->type == 'c' || rule->type == 'b') &&
               (policy_devices_is_listed(judge, type, (uint32_t)rule->major, (uint32_t)rule->minor) ||
                is_excepted(judge, type, (uint32_t)rule->major, (uint32_t)rule->minor));
}

int policy_devices_judge_rules(struct judge *judge, struct spec_resources *resources)
{
        char dropped[512] = "";
        size_t length = 0, first = 0;

        /* runtime-spec, "Device allowlist": in their order. What stands before the last "deny all" is undone by it. */
        for (size_t i = 0; i < resources->n_devices; i++) {
                const struct spec_device_rule *rule = &resources->devices[i];

                if (!rule->is_allow && rule->type == 'a' && rule->major == -1 && rule->minor == -1 &&
                    rule->access == ACCESS_RWM)
                        first = i + 1;
        }
        for (size_t i = first; i < resources->n_devices; i++) {
                const struct spec_device_rule *rule = &resources->devices[i];
                char text[96];

                if (!rule->is_allow || is_within_standard(rule) || is_rule_for_known(judge, rule))
                        continue;
                describe_rule(rule, text, sizeof text);
                if (is_everything(rule)) {
                        judge_refuse(judge, "devices", "linux.resources.devices", text, NULL,
                                     "config.json allows every device of the host, the shape of --privileged; drop "
                                     "--privileged");
                        continue;
                }
                if (length < sizeof dropped)
                        length += (size_t)snprintf(dropped + length, sizeof dropped - length, "%s%s",
                                                   length > 0 ? ", " : "", text);
        }
        if (length > 0)
                judge_tighten(judge, "devices", "linux.resources.devices", dropped, "the standard devices only");
        return set_rules(judge, resources);
}

int policy_devices_judge(struct judge *judge, struct sandbox *sandbox)
{
        struct spec_linux *linux_ = &sandbox->spec.linux_;
        struct spec_device *nodes;
        size_t n = N_STANDARD;
        int r;

        /* First: of all that --privileged asks for, its rules say most plainly what it is. */
        r = policy_devices_judge_rules(judge, &linux_->resources);
        if (r < 0)
                return r;
        nodes = arena_array(judge->arena, N_STANDARD + linux_->n_devices, sizeof *nodes);
        if (nodes == NULL)
                return -ENOMEM;
        memcpy(nodes, standard_nodes, sizeof standard_nodes);
        for (size_t i = 0; i < linux_->n_devices; i++)
                judge_node(judge, &linux_->devices[i], nodes, &n);
        linux_->devices = nodes;
        linux_->n_devices = n;
        return 0;
}
