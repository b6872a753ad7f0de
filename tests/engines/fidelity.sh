#!/bin/bash
# An image built with the tested runtime holds exactly what the same build makes with runc: every file's type, owner, mode,
# content, attributes, links, and the time of what no step touched. buildah and podman with and without layers, docker's
# classic builder and its BuildKit.
. "$(dirname "$0")/lib.sh"
need python3 setcap setfacl setfattr useradd busybox tar
reference=
for runtime in runc crun; do
        [ -z "$reference" ] && reference=$(command -v $runtime)
done
[ -n "$reference" ] || skip_all "no runc and no crun to compare with"
tested=$RUNB
CASE_TIMEOUT=300

# ------------------------------------------------------------------------------------------------------ the base image
# busybox, and of this machine the programs that it lacks, with their libraries.
add_program()
{
        local library
        mkdir -p "$base/usr/sbin"
        cp "$(command -v "$1")" "$base/usr/sbin/"
        for library in $(ldd "$(command -v "$1")" | grep -o '/[^ ]*'); do
                mkdir -p "$base$(dirname "$library")"
                cp -L "$library" "$base$library"
        done
}
make_base()
{
        local program
        base=$T/base
        busybox_rootfs "$base"
        for program in useradd setcap getcap setfacl setfattr; do add_program $program; done
        printf 'UMASK 022\nUID_MIN 1000\nCREATE_HOME yes\n' > "$base/etc/login.defs"
        printf 'root:*:19000:0:99999:7:::\n' > "$base/etc/shadow"
        printf 'root:*::\n' > "$base/etc/gshadow"
        echo 'passwd: files' > "$base/etc/nsswitch.conf"
        mkdir -p "$base"/etc/skel "$base"/usr/share/doc "$base"/srv/kept/deep "$base"/srv/gone "$base"/srv/moved "$base"/srv/replaced
        echo skel > "$base/etc/skel/.profile"
        echo base > "$base/usr/share/doc/base.txt"
        echo kept > "$base/srv/kept/deep/file"; chown 33:33 "$base/srv/kept/deep/file"
        ln "$base/srv/kept/deep/file" "$base/srv/kept/link"; ln -s kept/link "$base/srv/symbolic"
        echo a > "$base/srv/gone/a"; echo b > "$base/srv/moved/b"; echo c > "$base/srv/replaced/c"
        echo m > "$base/srv/mode"; echo o > "$base/srv/owned"; echo t > "$base/srv/appended"
        echo h > "$base/srv/hard1"; ln "$base/srv/hard1" "$base/srv/hard2"
        mkdir -m 2775 "$base/srv/setgid"; chgrp 33 "$base/srv/setgid"
        cp /bin/true "$base/srv/capable"; setcap cap_net_raw+ep "$base/srv/capable"
        cp "$base/srv/capable" "$base/srv/capable-copied"
        setfattr -n user.base -v 1 "$base/srv/kept/deep/file"
        setfacl -m u:33:r "$base/srv/mode"
        find "$base" -exec touch -h -d '2020-02-02 02:02:02.123456789Z' {} +
        tar -C "$base" --xattrs --xattrs-include='*' --format=posix --sort=name -cf "$T/base.tar" .
}
make_context()
{
        mkdir -p "$T/context/folder"
        echo copied > "$T/context/copied"
        echo inner > "$T/context/folder/inner"
        chmod 640 "$T/context/folder/inner"
        touch -d 2021-01-01 "$T/context/copied" "$T/context/folder/inner" "$T/context/folder"
        cat > "$T/context/Dockerfile" << 'EOD'
FROM localhost/base
ENV SOURCE_DATE_EPOCH=1700000000 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN useradd -m x
USER x
RUN test $(id -un) = x && touch ~/f && echo mine > ~/g
USER root
RUN echo run > /made; echo run > /made2; mkdir /run-folder; echo old > /run-folder/inner
COPY copied /made
COPY folder /run-folder
RUN test "$(cat /made)" = copied && test "$(cat /run-folder/inner)" = inner && rm /made2
RUN rm /usr/share/doc/base.txt; rm -r /srv/gone
RUN mkdir -m 2775 /setgid; chgrp 33 /setgid; touch /setgid/in /srv/setgid/in; mkdir /setgid/sub
RUN touch /www; chown 33:33 /www; chown 33:33 /srv/owned; chmod 4711 /srv/mode; echo more >> /srv/appended
RUN mv /srv/moved /srv/elsewhere; rm -r /srv/replaced; mkdir /srv/replaced; echo d > /srv/replaced/d
RUN ln /srv/appended /srv/linked; rm /srv/hard1; ln -s /nowhere /dangling; mkfifo -m 600 /fifo; touch -d '2019-09-09 09:09:09' /dated
RUN cp /bin/busybox /capable; setcap cap_chown+ep /capable; chown 33 /srv/capable-copied; getcap /srv/capable | grep cap_net_raw
RUN setfattr -n user.own -v 1 /www; setfacl -m u:33:rwx -m d:g:42:r /setgid; chmod 1777 /srv/setgid
COPY --chown=33:34 copied /srv/setgid/chowned
USER x
RUN rm ~/g; echo twice > ~/f
EOD
}

# ------------------------------------------------------------------------------------------------------- the comparison
want_file() { grep -q "^$2" "$T/$1.tested" || fail "no line like \"$2\" but: $(grep "^${2%% *} " "$T/$1.tested")"; }
compare() # NAME
{
        [ "$(wc -l < "$T/$1.reference")" -gt 300 ] || fail "the reference tree has $(wc -l < "$T/$1.reference") files only"
        # Targets of binds that the image lacks are 0644; runc before 1.1.15 (Debian 12) made them 0755.
        sed -i -E 's,^(etc/(hostname|hosts|resolv.conf)) -rwxr-xr-x ,\1 -rw-r--r-- ,' "$T/$1.reference"
        diff -U0 "$T/$1.reference" "$T/$1.tested" || fail "the two images differ: - $(basename "$reference"), + $(basename "$tested")"
        # The list itself tells the things apart that matter here.
        want_file "$1" 'www -rw-r--r-- 33:33 '
        want_file "$1" 'setgid drwxrwsr-x 0:33 '
        want_file "$1" 'capable .*security.capability='
        want_file "$1" 'made -rw-r--r-- 0:0 7 '
        want_file "$1" 'srv/kept/deep/file .* 33:33 .* 1580608922'
        want_file "$1" 'home/x/f -rw-r--r-- 1001:100 6 '
        [ -z "$(grep -E '^(usr/share/doc/base.txt|srv/gone|home/x/g) ' "$T/$1.tested")" ] || fail "a removed file is there"
}
make_base
make_context
since=$(date +%s)

# --------------------------------------------------------------------------------------------------- podman and buildah
podman_tree() # NAME reference|tested
{
        local at
        at=$(pod image mount localhost/built)
        python3 "$lib_dir/tools/tree.py" "$at" "$since" > "$T/$1.$2"
        pod image unmount localhost/built > /dev/null
        pod rmi localhost/built > /dev/null
}
podman_build() # NAME LAYERS
{
        local kind
        for kind in reference tested; do
                RUNB=${!kind} run pod build "${build_ulimits[@]}" --network none --isolation oci --layers="$2" --no-cache -t localhost/built "$T/context"
                want_rc 0
                podman_tree "$1" $kind
        done
        compare "$1"
}
buildah_build() # NAME LAYERS
{
        local kind
        for kind in reference tested; do
                run bud build --runtime "${!kind}" "${build_ulimits[@]}" --network none --isolation oci --layers="$2" --no-cache -t localhost/built "$T/context"
                want_rc 0
                podman_tree "$1" $kind
        done
        compare "$1"
}
podman_start
if pod import -q "$T/base.tar" localhost/base:latest > "$T/podman.log" 2>&1; then
        check "podman build --layers=false makes the image that runc makes" podman_build podman-flat false
        check "podman build --layers=true makes the image that runc makes" podman_build podman-layers true
        if command -v buildah > /dev/null; then
                check "buildah without layers makes the image that runc makes" buildah_build buildah-flat false
                check "buildah with layers makes the image that runc makes" buildah_build buildah-layers true
        else
                say_skip "buildah makes the image that runc makes" "buildah is not installed"
        fi
else
        say_skip "podman and buildah make the images that runc makes" "$(tail -n 1 "$T/podman.log")"
fi
podman_end

# -------------------------------------------------------------------------------------------------------------- docker
docker_build() # KIND BUILDKIT
{
        local at lower upper
        DOCKER_BUILDKIT=$2 run $docker_client build --network none --no-cache -t localhost/built "$T/context"
        want_rc 0
        lower=$(d inspect -f '{{.GraphDriver.Data.LowerDir}}' localhost/built)
        upper=$(d inspect -f '{{.GraphDriver.Data.UpperDir}}' localhost/built)
        at=$T/docker-tree
        mkdir -p "$at"
        # Short names: the page of options that mount(2) takes is small.
        ( cd "$E/dk/data/overlay2" && mount -t overlay overlay -o "lowerdir=$(tr ':' '\n' <<< "$upper:$lower" |
                sed "s,$E/dk/data/overlay2/,," | while IFS= read -r layer; do
                        echo "l/$(cat "${layer%/diff}/link")"; done | paste -sd:)" "$at" )
        python3 "$lib_dir/tools/tree.py" "$at" "$since" > "$T/docker-$2.$1" || { umount "$at"; return 1; }
        umount "$at"
        d rmi localhost/built > /dev/null
}
docker_both() # KIND
{
        RUNB=${!1} E=$T/engine-$1
        docker_start
        if d import "$T/base.tar" localhost/base:latest > "$T/docker.log" 2>&1; then
                check "docker's classic builder builds with $(basename "$RUNB")" docker_build "$1" 0
                check "docker's BuildKit builds with $(basename "$RUNB")" docker_build "$1" 1
        else
                say_skip "docker builds with $(basename "$RUNB")" "$(tail -n 1 "$T/docker.log")"
        fi
        docker_end
}
if command -v dockerd > /dev/null && command -v containerd > /dev/null; then
        docker_both reference
        docker_both tested
        check "docker's classic builder makes the image that runc makes" compare docker-0
        check "docker's BuildKit makes the image that runc makes" compare docker-1
else
        say_skip "docker makes the images that runc makes" "docker is not installed"
fi
finish
