/* What the rooms of this layer offer each other: each reads one property of config.json, for reader.h's tables. */
#pragma once

#include "oci-spec/reader.h"
#include "oci-spec/spec.h"

/* struct spec_process */
int spec_process_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_caps */
int spec_caps_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_mount */
int spec_mounts_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec, its hooks */
int spec_hooks_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_linux */
int spec_linux_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_linux, its namespaces */
int spec_namespaces_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_id_map; and the judgement of all of them together, at the place of the list */
int spec_userns_read(struct reader *reader, const struct json_node *node, void *into);
int spec_userns_check(struct reader *reader, const char *property, const struct spec_id_map *maps, size_t n);
/* struct spec_device; struct spec_device_rule */
int spec_devices_read(struct reader *reader, const struct json_node *node, void *into);
int spec_devices_read_rule(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_resources */
int spec_resources_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_net_device; and all of them together */
int spec_netdevices_read(struct reader *reader, const struct json_node *node, void *into);
int spec_netdevices_check(struct reader *reader, const char *property, const struct spec_net_device *devices, size_t n);
/* struct spec_memory_policy */
int spec_mempolicy_read(struct reader *reader, const struct json_node *node, void *into);
/* struct spec_seccomp */
int spec_seccomp_read(struct reader *reader, const struct json_node *node, void *into);
/* Device numbers: <linux/kdev_t.h> has 12 bits of major and 20 of minor. */
#define SPEC_MAJOR_HIGHEST 0xfff
#define SPEC_MINOR_HIGHEST 0xfffff
