/* What is written down while a container lives, so that its statement can tell of it after its end: what it was made as, and each
 * program that runb let in. */
#include "runtime/evidence_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>

#include "oci-spec/json.h"
#include "runtime/audit_record.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/plan.h"

#define MADE_AS "evidence.json"
#define EXECS "execs"
#define MADE_AS_LIMIT_BYTES ((size_t)64 << 20)  /* of a config.json of as many mounts as can be */
/* About 1,300 lines. What comes afterwards is counted, a byte each. */
#define EXECS_LINES_BYTES 262144
#define EXECS_LIMIT_BYTES ((size_t)16 << 20)

/* ---- at create ---- */

static void add_namespaces(const struct plan *plan, struct text_buffer *out)
{
        text_add_object(out, "namespaces");
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                const struct spec_namespace *asked = &plan->spec->linux_.namespaces[kind];

                text_add_member(out, spec_ns_name(kind), !asked->is_given ? "host" : asked->path != NULL ? "joined" : "new");
        }
        text_add(out, "}");
}

static void add_mounts(const struct mounts_plan *mounts, struct text_buffer *out)
{
        text_add_number(out, "mountCount", mounts->n);
        text_add_list(out, "mounts");
        for (size_t i = 0; i < mounts->n && i < EVIDENCE_ENTRIES_MOST; i++) {
                const struct spec_mount *mount = mounts->mounts[i].mount;

                text_add_object(out, NULL);
                text_add_member(out, "target", mount->target);
                text_add_member(out, "type", mount->kind == SPEC_MOUNT_BIND ? "bind" : mount->fstype);
                text_add_flag(out, "readonly", ((mount->attr_set | mount->attr_set_recursive) & MOUNT_ATTR_RDONLY) != 0);
                text_add(out, "}");
        }
        text_add(out, "]");
}

/* For outputs on volumes: where they come from, and which file that was. Not in the statement. */
static void add_places(const struct mounts_plan *mounts, struct text_buffer *out)
{
        text_add_list(out, "places");
        for (size_t i = 0; i < mounts->n; i++) {
                const struct mount_plan *mount = &mounts->mounts[i];

                text_add_object(out, NULL);
                text_add_member(out, "target", mount->mount->target);
                if (mount->mount->kind == SPEC_MOUNT_BIND && mount->source != NULL && mount->bind.is_source_known) {
                        text_add_member(out, "source", mount->source);
                        text_add_number(out, "device", mount->bind.source_device);
                        text_add_number(out, "inode", mount->bind.source_inode);
                }
                text_add(out, "}");
        }
        text_add(out, "]");
}

int evidence_note(const struct state_dir *dir, const struct plan *plan, struct error *err)
{
        const struct spec_process *process = &plan->spec->process;
        auto_buffer struct text_buffer out = { 0 };
        int r;

        text_add(&out, "{");
        text_add_object(&out, "environment");
        text_add_member(&out, "rootfs", audit_rootfs_kind(plan));
        add_namespaces(plan, &out);
        evidence_add_caps(process->caps.bounding, &out);
        text_add_flag(&out, "noNewPrivileges", process->no_new_privileges);
        text_add_flag(&out, "abstractSocketsScoped", plan->landlock.is_scoped || plan->landlock.is_scoped_if_found);
        text_add_flag(&out, "tcpPortsLimited", plan->sandbox.tcp_ports.is_limited);
        text_add_object(&out, "limits");
        if (plan->sandbox.wall_s > 0)
                text_add_number(&out, "wallSeconds", plan->sandbox.wall_s);
        audit_resources_members(&plan->spec->linux_.resources, &out);
        text_add(&out, "}");
        add_mounts(&plan->mounts, &out);
        text_add(&out, "}");
        add_places(&plan->mounts, &out);
        text_add(&out, "}");
        if (out.is_broken)
                return error_errno(err, ENOMEM, "evidence");
        r = fd_replace_file(dir->fd, MADE_AS, out.text, out.length, 0600);
        return r < 0 ? error_errno(err, r, "write %s/%s/" MADE_AS, dir->root, dir->id) : 0;
}

/* Set where it was noted. */
static int read_note(const struct state_dir *dir, struct arena *arena, const struct json_node **ret_root, struct error *err)
{
        auto_free char *text = NULL;
        size_t length;
        char *copy;
        int r = fd_read_file(dir->fd, MADE_AS, MADE_AS_LIMIT_BYTES, &text, &length);

        *ret_root = NULL;
        if (r == -ENOENT)
                return 0;
        copy = r < 0 ? NULL : arena_string_n(arena, text, length);
        if (copy == NULL)
                return error_errno(err, r < 0 ? r : ENOMEM, "read %s/%s/" MADE_AS, dir->root, dir->id);
        return json_parse_in_place(arena, copy, length, MADE_AS, ret_root, err);
}

int evidence_read_environment(const struct state_dir *dir, struct arena *arena, const struct json_node **ret_environment,
                              struct error *err)
{
        const struct json_node *root;
        int r = read_note(dir, arena, &root, err);

        if (r == 0)
                *ret_environment = json_member(root, "environment");
        return r;
}

static const char *text_of(const struct json_node *object, const char *key)
{
        const struct json_node *node = json_member(object, key);

        return node != NULL && node->type == JSON_STRING ? node->text : NULL;
}

static uint64_t number_of(const struct json_node *object, const char *key)
{
        const struct json_node *node = json_member(object, key);
        uint64_t value;

        return node != NULL && json_to_u64(node, &value) == 0 ? value : 0;
}

/* Of a container for which nothing was noted: where something lay, and no more. */
static int places_asked(const struct state_dir *dir, struct arena *arena, struct evidence_place **ret_places, size_t *ret_n,
                        struct error *err)
{
        struct spec spec = { 0 };
        int r = spec_read_bundle(arena, dir->fd, &spec, NULL, NULL, err);

        if (r < 0)
                return r;
        *ret_places = arena_array(arena, spec.n_mounts + 1, sizeof **ret_places);
        if (*ret_places == NULL)
                return error_errno(err, ENOMEM, "evidence");
        for (*ret_n = 0; *ret_n < spec.n_mounts; ++*ret_n)
                (*ret_places)[*ret_n].target = spec.mounts[*ret_n].target;
        return 0;
}

int evidence_read_places(const struct state_dir *dir, struct arena *arena, struct evidence_place **ret_places, size_t *ret_n,
                         struct error *err)
{
        const struct json_node *root, *list;
        int r = read_note(dir, arena, &root, err);

        if (r < 0)
                return r;
        list = json_member(root, "places");
        if (list == NULL || list->type != JSON_ARRAY)
                return places_asked(dir, arena, ret_places, ret_n, err);
        *ret_places = arena_array(arena, list->n + (size_t)1, sizeof **ret_places);
        if (*ret_places == NULL)
                return error_errno(err, ENOMEM, "evidence");
        *ret_n = 0;
        json_for_each(node, list) {
                const char *target = text_of(node, "target");

                if (target != NULL)
                        (*ret_places)[(*ret_n)++] = (struct evidence_place){ target, text_of(node, "source"), number_of(node, "device"),
                                                                             number_of(node, "inode") };
        }
        return 0;
}

/* ---- at exec ---- */

int evidence_note_exec(const struct state_dir *dir, const struct state *state, const struct spec_process *process,
                       struct error *err)
{
        auto_buffer struct text_buffer line = { 0 };
        auto_close int fd = openat(dir->fd, EXECS, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        char now[40];
        struct stat st;
        int r = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                r = -errno;
        if (r == 0 && st.st_size < EXECS_LINES_BYTES) {
                text_time_now(now, sizeof now);
                text_add(&line, "{");
                text_add_member(&line, "eventType", "exec");
                text_add_member(&line, "time", now);
                audit_process_members(process, &line);
                text_add(&line, "}");
        }
        text_add(&line, "\n");
        if (r == 0)
                r = line.is_broken ? -ENOMEM : fd_write_all(fd, line.text, line.length);
        if (r == 0)
                return 0;
        if (state->has_evidence)
                return error_errno(err, r, "the program cannot be recorded for the container's evidence");
        log_warning("%s: this program is missing in what `runb evidence` says of it: %s", dir->id, error_text(r));
        return 0;
}

int evidence_read_execs(const struct state_dir *dir, struct arena *arena, struct evidence_execs *ret_execs, struct error *err)
{
        auto_free char *text = NULL;
        struct evidence_execs execs = { .is_whole = true };
        size_t length, n_lines = 0;
        int r = fd_read_file(dir->fd, EXECS, EXECS_LIMIT_BYTES, &text, &length);

        if (r == -ENOENT) {
                *ret_execs = execs;
                return 0;
        }
        if (r < 0)
                return error_errno(err, r, "read %s/%s/" EXECS, dir->root, dir->id);
        for (size_t i = 0; i < length; i++)
                n_lines += text[i] == '\n';
        execs.lines = arena_array(arena, n_lines + 1, sizeof *execs.lines);
        if (execs.lines == NULL)
                return error_errno(err, ENOMEM, "evidence");
        for (char *line = text, *end; *line != '\0'; line = end + 1) {
                const struct json_node *node;

                end = strchr(line, '\n');
                if (end == line) {
                        execs.n_more++;
                        continue;
                }
                /* Cut off by a disk that was full, or while it is written. */
                if (end == NULL || json_parse(arena, line, (size_t)(end - line), EXECS, &node, NULL) < 0 ||
                    node->type != JSON_OBJECT) {
                        execs.is_whole = false;
                        if (end == NULL)
                                break;
                        continue;
                }
                execs.lines[execs.n] = arena_string_n(arena, line, (size_t)(end - line));
                if (execs.lines[execs.n] == NULL)
                        return error_errno(err, ENOMEM, "evidence");
                if (execs.n == EVIDENCE_ENTRIES_MOST)
                        execs.n_more++;
                else
                        execs.n++;
        }
        *ret_execs = execs;
        return 0;
}
