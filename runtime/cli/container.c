/* A container by its id, as nearly every command begins. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/deadline.h"
#include "runtime/state.h"
#include "runtime/top.h"

int cli_find_container(struct cli *cli, const char *id, bool is_shared, struct state_dir *ret_dir,
                       struct state *ret_state, struct error *err)
{
        struct error why = { 0 };
        int r = cli_open_container(cli, id, is_shared, ret_dir, ret_state, err);

        if (r != -ENOENT || cli->is_root_given)
                return r;
        /* Engines have roots of their own. */
        r = top_find(id, cli->arena, &cli->root, &id, &why);
        if (r < 0)
                return r == -ENOTUNIQ ? error_set(err, ENOTUNIQ, "%s", why.text) : -ENOENT;
        return cli_open_container(cli, id, is_shared, ret_dir, ret_state, err);
}

int cli_open_container(const struct cli *cli, const char *id, bool is_shared, struct state_dir *ret_dir,
                       struct state *ret_state, struct error *err)
{
        int r = state_open(cli->root, id, is_shared, ret_dir, err);

        if (r == 0)
                r = state_read(ret_dir, cli->arena, ret_state, err);
        if (r == 0)
                deadline_check(ret_dir, ret_state);
        /* Who holds the lock sees what a killed create left; a reader may have come while one is at work. Engines look
         * for these words. */
        if (r == -ENODATA && is_shared)
                return error_set(err, ENOENT, "container does not exist");
        return r;
}
