#!/bin/bash
# Ordinary builds as root of a Debian container: apt, dpkg, gcc, a package's own tests, git, npm. No network but loopback.
. "$(dirname "$0")/lib.sh"
ENGINE_CASE_TIMEOUT=600 CASE_TIMEOUT=600
tar=$(debian_tar) || { echo "$tar"; exit 77; }
podman_start
pod import -q --change CMD=/bin/sh --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'ENV DEBIAN_FRONTEND=noninteractive' "$tar" localhost/debian:latest > "$T/import.log" 2>&1 ||
        skip_all "podman cannot import the Debian root: $(tail -n 1 "$T/import.log")"
inside() { pod run --rm --network none localhost/debian sh -ec "$1"; }

apt_install()
{
        run inside '
                busybox httpd -p 127.0.0.1:80 -h /srv/repository
                echo "deb [trusted=yes] http://127.0.0.1/ ./" > /etc/apt/sources.list
                rm -f /etc/apt/sources.list.d/*
                apt-get -q update
                apt-get -q -y install hello uuid-runtime
                hello
                getent passwd uuidd || test -e /usr/sbin/uuidd
                dpkg --audit
                apt-get -q -y remove hello
                test ! -e /usr/bin/hello'
        want_rc 0
        want_out_has "Hello, world!"
}
check "apt-get install and remove, from a repository on loopback, with the package's own user" apt_install

dpkg_install()
{
        run inside '
                mkdir -p /tmp/p/DEBIAN /tmp/p/opt/tool
                printf "Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: t\n" > /tmp/p/DEBIAN/control
                cat > /tmp/p/DEBIAN/postinst << "END"
#!/bin/sh
set -e
useradd --system --create-home --home-dir /var/lib/tool tool
chown tool:tool /opt/tool/data
chmod 4755 /opt/tool/run
chmod 2770 /opt/tool
setcap cap_net_bind_service=ep /opt/tool/cap
END
                chmod 755 /tmp/p/DEBIAN/postinst
                echo data > /tmp/p/opt/tool/data
                cp /bin/true /tmp/p/opt/tool/run
                cp /bin/true /tmp/p/opt/tool/cap
                dpkg-deb --build --root-owner-group /tmp/p /tmp/tool.deb
                dpkg -i /tmp/tool.deb
                stat -c "%U %a %n" /opt/tool /opt/tool/data /opt/tool/run
                getcap /opt/tool/cap
                su tool -s /bin/sh -c "id -un; touch ~/mine"
                dpkg -r tool'
        want_rc 0
        want_out_has "root 2770 /opt/tool"
        want_out_has "tool 644 /opt/tool/data"
        want_out_has "root 4755 /opt/tool/run"
        want_out_has "cap_net_bind_service=ep"
}
check "dpkg -i of a package whose script adds a user, a setuid and a setgid mode and a file capability" dpkg_install

compile()
{
        run inside '
                cat > /tmp/p.c << "END"
#include <stdio.h>
#include <pthread.h>
static void *work(void *p) { *(int *)p = 42; return NULL; }
int main(void) { pthread_t t; int n = 0; pthread_create(&t, NULL, work, &n); pthread_join(t, NULL); printf("built %d\n", n); return 0; }
END
                gcc -O2 -Wall -pthread -o /usr/local/bin/p /tmp/p.c
                p'
        want_rc 0
        want_out "built 42"
}
check "gcc compiles a threaded program, and it runs" compile

make_check()
{
        run inside '
                cd /tmp
                if [ -e /srv/source/hello_*.dsc ]; then
                        dpkg-source --no-check -x /srv/source/hello_*.dsc hello
                else
                        mkdir hello
                        tar -C hello --strip-components=1 -xf /srv/source/hello_*.orig.tar.?z
                fi
                cd hello
                ./configure FORCE_UNSAFE_CONFIGURE=1
                make -j2
                make check
                make install
                hello'
        tail -n 30 "$T/out"
        want_rc 0
        want_out_has "# FAIL:  0"
        want_out_has "Hello, world!"
}
check "make check of Debian's hello passes" make_check

git_clone()
{
        run inside '
                git config --global user.email t@example.org
                git config --global user.name t
                git config --global init.defaultBranch main
                git init -q /tmp/origin
                cd /tmp/origin
                for n in 1 2 3; do echo $n > f$n; git add .; git commit -q -m "c$n"; done
                git clone -q /tmp/origin /tmp/local
                git clone -q file:///tmp/origin /tmp/transported
                git -C /tmp/transported log --oneline | wc -l
                cat /tmp/local/f3
                git -C /tmp/transported fsck'
        want_rc 0
        want_out_has 3
}
check "git init, commit, clone and fsck of a local repository" git_clone

npm_install()
{
        run inside '
                mkdir -p /tmp/dep /tmp/app
                cd /tmp/dep
                echo "{\"name\":\"dep\",\"version\":\"1.0.0\",\"main\":\"i.js\",\"scripts\":{\"install\":\"echo ran > installed\"}}" > package.json
                echo "module.exports = () => \"from dep\";" > i.js
                npm pack --silent
                cd /tmp/app
                echo "{\"name\":\"app\",\"version\":\"1.0.0\"}" > package.json
                npm install --offline --no-audit --no-fund /tmp/dep/dep-1.0.0.tgz
                cat node_modules/dep/installed
                node -e "console.log(require(\"dep\")())"'
        want_rc 0
        want_out_has ran
        want_out_has "from dep"
}
check "npm install of a local package with an install script" npm_install

users()
{
        run inside '
                useradd -m x
                groupadd -g 4242 g
                usermod -aG g x
                su x -c "touch ~/f; id -Gn; umask"
                stat -c "%U:%G" /home/x/f
                passwd -l x
                userdel -r x'
        want_rc 0
        want_out_has "x g"
        want_out_has "x:x"
}
check "useradd, usermod, su, passwd and userdel" users

tar_owners()
{
        run inside '
                mkdir /tmp/t; cd /tmp/t
                touch a b c; chown 33:33 a; chown 1000:50 b; chmod 4755 b; mkfifo p; ln a h
                setfattr -n user.k -v v c; setfacl -m u:33:r c
                tar --xattrs --acls -cf /tmp/t.tar .
                mkdir /tmp/u
                tar --xattrs --acls -C /tmp/u -xpf /tmp/t.tar
                cd /tmp/u
                stat -c "%u:%g %a %h %n" a b h
                getfattr -n user.k --only-values c; getfacl -n c'
        want_rc 0
        want_out_has "33:33 644 2 a"
        want_out_has "1000:50 4755 1 b"
        want_out_has "user:33:r--"
}
check "tar restores owners, modes, links, extended attributes and ACLs" tar_owners

podman_end
finish
