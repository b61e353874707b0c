#!/bin/sh
# Provides what the tests run beside Go: a MariaDB server and client, curl, and MySQL drivers of Python and Perl. Debian or Ubuntu, as root; anywhere
# else it says what to install. Nothing is started: each test starts a private server of its own.
set -eu

missing=""
for need in mariadbd:mariadb-server mariadb:mariadb-client curl:curl; do
	command -v "${need%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${need%%:*}" ] || missing="$missing ${need##*:}"
done
/usr/bin/python3 -c 'import pymysql' 2>/dev/null || missing="$missing python3-pymysql"
/usr/bin/perl -MDBD::mysql -e 1 2>/dev/null || missing="$missing libdbd-mysql-perl"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "missing:$missing" >&2
	echo "try: sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi

# The packaged server must not start; a policy that is there already is kept.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086 # a list of package names
apt-get install -y --no-install-recommends $missing
