/* config-linux.md, "Network Devices": names of the caller's network devices, and what they are called in the container.
 * Which of them exist is seen when they are moved. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <string.h>

#define DEVICES_MOST 4096

/* dev_valid_name() of the kernel, and IFNAMSIZ with its NUL. */
static bool is_device_name(const char *name)
{
        return name[0] != '\0' && strlen(name) < 16 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
               strpbrk(name, "/: \t\n\v\f\r") == NULL;
}

/* The kernel numbers a name that ends with %d; any other % is an error there (dev_alloc_name()). */
static bool is_template(const char *name)
{
        const char *percent = strchr(name, '%');

        return percent != NULL && strcmp(percent, "%d") == 0;
}

static int read_device_name(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_text(reader, node, into);

        if (r == 0 && node->n > 0 && !is_device_name(node->text))
                return reader_fail(reader, EINVAL, "%s is not a name for a network device", READER_QUOTE(node->text));
        if (r == 0 && node->n > 0 && strchr(node->text, '%') != NULL && !is_template(node->text))
                return reader_fail(reader, EINVAL, "%s: of a template there is only the ending %%d",
                                   READER_QUOTE(node->text));
        return r;
}

int spec_netdevices_read(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct spec_net_device, "name", new_name, read_device_name),
        };
        struct spec_net_device *device = into;

        if (!is_device_name(node->key))
                return reader_fail(reader, EINVAL, "the key is not a name of a network device");
        device->name = node->key;
        return reader_object(reader, node, fields, READER_COUNT(fields), device);
}

int spec_netdevices_check(struct reader *reader, const char *property, const struct spec_net_device *devices, size_t n)
{
        /* Each is compared with every other one. */
        if (n > DEVICES_MOST)
                return reader_fail_below(reader, property, "%zu devices, and %d are the most", n, DEVICES_MOST);
        for (size_t i = 0; i < n; i++) {
                const char *name = devices[i].new_name != NULL ? devices[i].new_name : devices[i].name;

                for (size_t k = 0; k < i && !is_template(name); k++)
                        if (strcmp(devices[k].new_name != NULL ? devices[k].new_name : devices[k].name, name) == 0)
                                return reader_fail_below(reader, property, "\"%s\" and \"%s\" would both be called %s",
                                                         devices[k].name, devices[i].name, READER_QUOTE(name));
        }
        return 0;
}
