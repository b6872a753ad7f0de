#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include "tests/unit/oci-spec/check.h"

static const struct spec_linux *good(const char *members)
{
        static struct spec spec;
        char text[4096];

        snprintf(text, sizeof text, "\"linux\": {%s}", members);
        check_good(text, &spec);
        return &spec.linux_;
}

#define assert_refused(members, sentence) assert_bad("\"linux\": {" members "}", "linux." sentence)

Test(linux_, nothing_is_required)
{
        const struct spec_linux *linux_ = good("");

        for (int i = 0; i < SPEC_NS_KINDS; i++)
                cr_assert_not(linux_->namespaces[i].is_given);
        cr_assert_null(linux_->cgroups_path);
        cr_assert_not(linux_->seccomp.is_given);
        cr_assert_eq(linux_->rootfs_propagation, 0);
        good("\"namespaces\": null, \"uidMappings\": null, \"devices\": null, \"cgroupsPath\": null, \"resources\": null,"
             "\"seccomp\": null, \"sysctl\": null, \"maskedPaths\": null, \"timeOffsets\": null, \"intelRdt\": null,"
             "\"memoryPolicy\": null, \"personality\": null, \"netDevices\": null, \"rootfsPropagation\": null");
        assert_bad("\"linux\": []", "linux: expected an object, found an array");
}

Test(linux_, namespaces_of_all_types)
{
        static const struct { const char *name; enum spec_ns kind; int flag; } kinds[] = {
                { "pid", SPEC_NS_PID, CLONE_NEWPID }, { "network", SPEC_NS_NET, CLONE_NEWNET },
                { "mount", SPEC_NS_MOUNT, CLONE_NEWNS }, { "ipc", SPEC_NS_IPC, CLONE_NEWIPC },
                { "uts", SPEC_NS_UTS, CLONE_NEWUTS }, { "user", SPEC_NS_USER, CLONE_NEWUSER },
                { "cgroup", SPEC_NS_CGROUP, CLONE_NEWCGROUP }, { "time", SPEC_NS_TIME, 0x80 },
        };
        char text[256];

        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
                const struct spec_linux *linux_;

                snprintf(text, sizeof text, "\"namespaces\": [{\"type\": \"%s\"}]", kinds[i].name);
                linux_ = good(text);
                cr_assert(linux_->namespaces[kinds[i].kind].is_given);
                cr_assert_null(linux_->namespaces[kinds[i].kind].path);
                snprintf(text, sizeof text, "\"namespaces\": [{\"type\": \"%s\", \"path\": \"/n\"}]", kinds[i].name);
                cr_assert_str_eq(good(text)->namespaces[kinds[i].kind].path, "/n");
                cr_assert_str_eq(spec_ns_name(kinds[i].kind), kinds[i].name);
                cr_assert_eq(spec_ns_clone_flag(kinds[i].kind), kinds[i].flag);
        }
        cr_assert_null(good("\"namespaces\": [{\"type\": \"pid\", \"path\": \"\"}]")->namespaces[SPEC_NS_PID].path);
        assert_refused("\"namespaces\": [{\"type\": \"net\"}]", "namespaces[0].type: \"net\" is not a type of namespace");
        assert_refused("\"namespaces\": [{\"path\": \"/n\"}]", "namespaces[0].type: is required and missing");
        assert_refused("\"namespaces\": [{\"type\": \"pid\", \"path\": \"n\"}]",
                       "namespaces[0].path: \"n\" is not an absolute path");
        assert_refused("\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"uts\"}, {\"type\": \"pid\", \"path\": \"/n\"}]",
                       "namespaces[2]: the type \"pid\" is given twice");
}

Test(linux_, id_maps_are_what_the_kernel_takes)
{
        const struct spec_linux *linux_ =
                good("\"uidMappings\": [{\"containerID\": 0, \"hostID\": 1000, \"size\": 1}, {\"containerID\": 1, \"hostID\":"
                     "100000, \"size\": 65536}], \"gidMappings\": [{\"containerID\": 0, \"hostID\": 0, \"size\": 4294967295}]");

        cr_assert_eq(linux_->n_uid_map, 2);
        cr_assert_eq(linux_->uid_map[1].inside, 1);
        cr_assert_eq(linux_->uid_map[1].outside, 100000);
        cr_assert_eq(linux_->uid_map[1].size, 65536);
        cr_assert_eq(linux_->gid_map[0].size, 4294967295u);
        assert_refused("\"uidMappings\": [{\"hostID\": 1, \"size\": 1}]",
                       "uidMappings[0].containerID: is required and missing");
        assert_refused("\"uidMappings\": [{\"containerID\": 0, \"hostID\": 4294967295, \"size\": 1}]",
                       "uidMappings[0].hostID: 4294967295 is out of range (0 to 4294967294)");
        assert_refused("\"uidMappings\": [{\"containerID\": 0, \"hostID\": 1, \"size\": 4294967296}]",
                       "uidMappings[0].size: 4294967296 is out of range (0 to 4294967295)");
        assert_refused("\"uidMappings\": [{\"containerID\": 0, \"hostID\": 1, \"size\": 0}]",
                       "uidMappings[0].size: 0 maps nothing");
        assert_refused("\"uidMappings\": [{\"containerID\": 0, \"hostID\": 1, \"size\": 4294967295}]",
                       "uidMappings[0].size: hostID 1 and size 4294967295 reach beyond id 4294967294");
        assert_refused("\"gidMappings\": [{\"containerID\": 4294967294, \"hostID\": 0, \"size\": 2}]",
                       "gidMappings[0].size: containerID 4294967294 and size 2 reach beyond id 4294967294");
        assert_refused("\"uidMappings\": [{\"containerID\": 0, \"hostID\": 5, \"size\": 10}, {\"containerID\": 9, \"hostID\":"
                       "50, \"size\": 1}]", "uidMappings: entries 0 and 1 overlap");
        assert_refused("\"gidMappings\": [{\"containerID\": 0, \"hostID\": 5, \"size\": 1}, {\"containerID\": 9, \"hostID\":"
                       "0, \"size\": 6}]", "gidMappings: entries 0 and 1 overlap");
}

Test(linux_, time_offsets)
{
        const struct spec_linux *linux_ =
                good("\"timeOffsets\": {\"monotonic\": {\"secs\": -5, \"nanosecs\": 999999999}, \"boottime\": {}}");

        cr_assert(linux_->has_time_offsets);
        cr_assert(linux_->monotonic.is_given && linux_->boottime.is_given);
        cr_assert_eq(linux_->monotonic.seconds, -5);
        cr_assert_eq(linux_->monotonic.nanoseconds, 999999999);
        cr_assert_eq(linux_->boottime.seconds, 0);
        cr_assert_not(good("\"timeOffsets\": {\"monotonic\": null}")->has_time_offsets);
        assert_refused("\"timeOffsets\": {\"realtime\": {}}",
                       "timeOffsets.realtime: is not a clock with offsets (monotonic, boottime)");
        assert_refused("\"timeOffsets\": {\"boottime\": {\"nanosecs\": 1000000000}}",
                       "timeOffsets.boottime.nanosecs: 1000000000 is out of range (0 to 999999999)");
        assert_refused("\"timeOffsets\": {\"boottime\": {\"secs\": \"1\"}}",
                       "timeOffsets.boottime.secs: expected a number, found a string");
}

Test(linux_, devices)
{
        const struct spec_linux *linux_ =
                good("\"devices\": [{\"type\": \"c\", \"path\": \"/dev/fuse\", \"major\": 10, \"minor\": 229, \"fileMode\": 438,"
                     "\"uid\": 1, \"gid\": 2}, {\"type\": \"p\", \"path\": \"/dev/pipe\"}, {\"type\": \"b\", \"path\": \"/dev/b\","
                     "\"major\": 4095, \"minor\": 1048575, \"fileMode\": 69206454}, {\"type\": \"u\", \"path\": \"/dev/u\","
                     "\"major\": 1, \"minor\": 1}]");

        cr_assert_eq(linux_->n_devices, 4);
        cr_assert_eq(linux_->devices[0].type, S_IFCHR);
        cr_assert_str_eq(linux_->devices[0].path, "/dev/fuse");
        cr_assert_eq(linux_->devices[0].major, 10);
        cr_assert_eq(linux_->devices[0].minor, 229);
        cr_assert(linux_->devices[0].has_mode && linux_->devices[0].has_owner);
        cr_assert_eq(linux_->devices[0].mode, 0666);
        cr_assert_eq(linux_->devices[0].uid, 1);
        cr_assert_eq(linux_->devices[0].gid, 2);
        cr_assert_eq(linux_->devices[1].type, S_IFIFO);
        cr_assert_not(linux_->devices[1].has_mode || linux_->devices[1].has_owner);
        cr_assert_eq(linux_->devices[2].type, S_IFBLK);
        cr_assert_eq(linux_->devices[2].mode, 0666, "Go's type bits are cut off");
        cr_assert_eq(linux_->devices[3].type, S_IFCHR);
        assert_refused("\"devices\": [{\"type\": \"c\", \"path\": \"/dev/x\", \"minor\": 1}]",
                       "devices[0].major: is required and missing");
        assert_refused("\"devices\": [{\"type\": \"c\", \"path\": \"/dev/x\", \"major\": 1}]",
                       "devices[0].minor: is required and missing");
        assert_refused("\"devices\": [{\"type\": \"x\", \"path\": \"/dev/x\"}]",
                       "devices[0].type: \"x\" is not a type of device (c, b, u or p)");
        assert_refused("\"devices\": [{\"type\": \"p\", \"path\": \"dev/x\"}]",
                       "devices[0].path: \"dev/x\" is not an absolute path");
        assert_refused("\"devices\": [{\"type\": \"p\"}]", "devices[0].path: is required and missing");
        assert_refused("\"devices\": [{\"type\": \"c\", \"path\": \"/dev/x\", \"major\": 4096, \"minor\": 1}]",
                       "devices[0].major: 4096 is out of range (0 to 4095)");
        assert_refused("\"devices\": [{\"type\": \"p\", \"path\": \"/dev/x\", \"uid\": 4294967295}]",
                       "devices[0].uid: 4294967295 is out of range (0 to 4294967294)");
}

Test(linux_, network_devices)
{
        const struct spec_linux *linux_ = good("\"netDevices\": {\"eth0\": {\"name\": \"in%d\"}, \"eth1\": {}, \"eth2\": null}");

        cr_assert_eq(linux_->n_net_devices, 2);
        cr_assert_str_eq(linux_->net_devices[0].name, "eth0");
        cr_assert_str_eq(linux_->net_devices[0].new_name, "in%d");
        cr_assert_null(linux_->net_devices[1].new_name);
        assert_refused("\"netDevices\": {\"a/b\": {}}", "netDevices[\"a/b\"]: the key is not a name of a network device");
        assert_refused("\"netDevices\": {\"eth0\": {\"name\": \"sixteen-letters-\"}}",
                       "netDevices[\"eth0\"].name: \"sixteen-letters-\" is not a name for a network device");
        assert_refused("\"netDevices\": {\"eth0\": \"eth1\"}", "netDevices[\"eth0\"]: expected an object, found a string");
        assert_refused("\"netDevices\": {\"eth0\": {\"name\": \"a%s\"}}",
                       "netDevices[\"eth0\"].name: \"a%s\": of a template there is only the ending %d");
        assert_refused("\"netDevices\": {\"eth0\": {\"name\": \"%d%d\"}}",
                       "netDevices[\"eth0\"].name: \"%d%d\": of a template there is only the ending %d");
        assert_refused("\"netDevices\": {\"eth0\": {\"name\": \"in\"}, \"in\": {}}",
                       "netDevices: \"eth0\" and \"in\" would both be called \"in\"");
        cr_assert_eq(good("\"netDevices\": {\"eth0\": {\"name\": \"in%d\"}, \"eth1\": {\"name\": \"in%d\"}}")->n_net_devices, 2);
}

Test(linux_, strings_and_lists_of_them)
{
        const struct spec_linux *linux_ =
                good("\"cgroupsPath\": \"a.slice:b:c\", \"mountLabel\": \"l\", \"sysctl\": {\"kernel.msgmax\": \"1\","
                     "\"net.core.somaxconn\": \"\"}, \"maskedPaths\": [\"/proc/kcore\", \"/proc/keys\"], \"readonlyPaths\": [\"/proc/bus\"]");

        cr_assert_str_eq(linux_->cgroups_path, "a.slice:b:c");
        cr_assert_str_eq(linux_->mount_label, "l");
        cr_assert_eq(linux_->n_sysctl, 2);
        cr_assert_str_eq(linux_->sysctl[0].key, "kernel.msgmax");
        cr_assert_str_eq(linux_->sysctl[0].value, "1");
        cr_assert_eq(linux_->n_masked_paths, 2);
        cr_assert_str_eq(linux_->masked_paths[1], "/proc/keys");
        cr_assert_eq(linux_->n_readonly_paths, 1);
        cr_assert_null(good("\"cgroupsPath\": \"\"")->cgroups_path);
        assert_refused("\"maskedPaths\": [\"proc\"]", "maskedPaths[0]: \"proc\" is not an absolute path");
        assert_refused("\"readonlyPaths\": [\"/a\", 1]", "readonlyPaths[1]: expected a string, found a number");
        assert_refused("\"sysctl\": {\"kernel.msgmax\": 1}",
                       "sysctl[\"kernel.msgmax\"]: expected a string, found a number");
        assert_refused("\"sysctl\": []", "sysctl: expected an object, found an array");
        assert_refused("\"cgroupsPath\": {}", "cgroupsPath: expected a string, found an object");
}

Test(linux_, propagation_of_the_rootfs)
{
        static const struct { const char *name; unsigned long flags; } names[] = {
                { "", 0 }, { "private", MS_PRIVATE }, { "rprivate", MS_PRIVATE | MS_REC }, { "slave", MS_SLAVE },
                { "rslave", MS_SLAVE | MS_REC }, { "shared", MS_SHARED }, { "rshared", MS_SHARED | MS_REC },
                { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
        };
        char text[64];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                snprintf(text, sizeof text, "\"rootfsPropagation\": \"%s\"", names[i].name);
                cr_assert_eq(good(text)->rootfs_propagation, names[i].flags);
        }
        assert_refused("\"rootfsPropagation\": \"public\"",
                       "rootfsPropagation: \"public\" is not a propagation (private, slave, shared, unbindable)");
}

Test(linux_, cache_and_memory_placement)
{
        const struct spec_linux *linux_ =
                good("\"intelRdt\": {\"closID\": \"c\", \"l3CacheSchema\": \"L3:0=f\", \"memBwSchema\": \"MB:0=50\", \"schemata\":"
                     "[\"L2:0=f\"], \"enableMonitoring\": true}, \"memoryPolicy\": {\"mode\": \"MPOL_WEIGHTED_INTERLEAVE\","
                     "\"nodes\": \"0-1\", \"flags\": [\"MPOL_F_STATIC_NODES\", \"MPOL_F_NUMA_BALANCING\"]}");

        cr_assert(linux_->intel_rdt.is_given && linux_->intel_rdt.enable_monitoring);
        cr_assert_str_eq(linux_->intel_rdt.clos_id, "c");
        cr_assert_str_eq(linux_->intel_rdt.l3_cache_schema, "L3:0=f");
        cr_assert_str_eq(linux_->intel_rdt.mem_bw_schema, "MB:0=50");
        cr_assert_str_eq(linux_->intel_rdt.schemata[0], "L2:0=f");
        cr_assert(linux_->memory_policy.is_given);
        cr_assert_eq(linux_->memory_policy.mode, 6);
        cr_assert_str_eq(linux_->memory_policy.nodes, "0-1");
        cr_assert_eq(linux_->memory_policy.flags, 1u << 15 | 1u << 13);
        cr_assert_str_eq(good("\"intelRdt\": {\"closID\": \"/\"}")->intel_rdt.clos_id, "/");
        assert_refused("\"intelRdt\": {\"closID\": \"../c\"}", "intelRdt.closID: \"../c\" is not the name of a folder");
        assert_refused("\"intelRdt\": {\"closID\": \"..\"}", "intelRdt.closID: \"..\" is not the name of a folder");
        assert_refused("\"intelRdt\": {\"memBwSchema\": \"L3:0=f\"}", "intelRdt.memBwSchema: \"L3:0=f\" does not begin with \"MB:\"");
        assert_refused("\"intelRdt\": {\"schemata\": [\"a\\nb\"]}", "intelRdt.schemata[0]: must not contain a newline");
        assert_refused("\"memoryPolicy\": {}", "memoryPolicy.mode: is required and missing");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_X\"}",
                       "memoryPolicy.mode: \"MPOL_X\" is not a mode of set_mempolicy(2)");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_BIND\", \"flags\": [\"X\"]}",
                       "memoryPolicy.flags[0]: \"X\" is not a flag of set_mempolicy(2)");
}

Test(linux_, personality)
{
        const struct spec_linux *linux_ = good("\"personality\": {\"domain\": \"LINUX32\", \"flags\": []}");

        cr_assert(linux_->has_personality);
        cr_assert_eq(linux_->personality, PER_LINUX32);
        cr_assert_eq(good("\"personality\": {\"domain\": \"LINUX\"}")->personality, PER_LINUX);
        assert_refused("\"personality\": {}", "personality.domain: is required and missing");
        assert_refused("\"personality\": {\"domain\": \"BSD\"}", "personality.domain: \"BSD\" is not a domain (LINUX, LINUX32)");
        assert_refused("\"personality\": {\"domain\": \"LINUX\", \"flags\": [\"ADDR_NO_RANDOMIZE\"]}",
                       "personality.flags[0]: \"ADDR_NO_RANDOMIZE\" is not a flag: the runtime-spec has none");
}

Test(spec_linux, memory_policy_takes_nodes_where_its_mode_does)
{
        uint64_t mask[SPEC_NODES_LIMIT / 64];

        cr_assert_eq(good("\"memoryPolicy\": {\"mode\": \"MPOL_PREFERRED\"}")->memory_policy.mode, 1);
        cr_assert_str_eq(good("\"memoryPolicy\": {\"mode\": \"MPOL_BIND\", \"nodes\": \"0\"}")->memory_policy.nodes, "0");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_BIND\"}",
                       "memoryPolicy.nodes: missing: this mode takes at least one node");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_LOCAL\", \"nodes\": \"0\"}",
                       "memoryPolicy.nodes: this mode takes none; leave them out");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_DEFAULT\", \"nodes\": \"0\"}",
                       "memoryPolicy.nodes: this mode takes none; leave them out");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_NONE\"}",
                       "memoryPolicy.mode: \"MPOL_NONE\" is not a mode of set_mempolicy(2)");
        assert_refused("\"memoryPolicy\": {\"mode\": \"MPOL_BIND\", \"nodes\": \"0\", \"flags\": "
                       "[\"MPOL_F_STATIC_NODES\", \"MPOL_F_RELATIVE_NODES\"]}",
                       "memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
        static const char *const bad[] = { "-", "1-", "-1", "2-1", "0,", ",0", "0,,1", "1024", "a", "0 1", "99999999999999999999" };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                cr_assert_not(spec_mempolicy_nodes(bad[i], mask), "%s", bad[i]);
        cr_assert(spec_mempolicy_nodes("0-2,63-64,1023", mask));
        cr_assert_eq(mask[0], UINT64_C(7) | UINT64_C(1) << 63);
        cr_assert_eq(mask[1], 1);
        cr_assert_eq(mask[15], UINT64_C(1) << 63);
}
