#!/bin/sh
# nginx on this host: the one place that knows how its configuration is tested and how the running one reads it.
#
#   nginx.sh test FOLDER   test FOLDER as nginx's whole configuration, with the certificate in use
#   nginx.sh reload        test what is in place, let the running nginx read it, wait until it has
#   nginx.sh running       succeeds when nginx runs
#   nginx.sh stale         succeeds when the running nginx has not read what is in place
#
# `reload` does nothing when nginx does not run: it reads its files when it starts.
set -eu

main=/etc/nginx/aipbx/nginx.conf
deadline_seconds=30

value() {
	sed -n "s/^$1=//p" /usr/local/lib/aipbx/host.conf
}

app=$(value app_dir)
image=$(value nginx_image)

running() {
	command -v docker >/dev/null || return 0
	# The volume distinguishes it from the nginx of a stack that someone installed by hand under the same project's name.
	docker ps -q --filter volume=/etc/nginx/aipbx --filter "label=com.docker.compose.project=$(value compose_project)" \
		--filter label=com.docker.compose.service=nginx --filter status=running
}

# What nginx answers once it has read the files in place: their revision.
in_place() {
	sed -n 's/^return 200 "\([0-9a-f]*\).*/\1/p' "$app/nginx/revision.conf"
}

in_force() {
	docker exec "$1" wget -qO- http://127.0.0.1:8081/revision 2>/dev/null || true
}

test_folder() {
	folder=$1
	certificates=$app/tls
	if [ ! -e "$certificates/current/https.conf" ]; then
		# Before there is a certificate a throw-away one takes its place, so that the part for https is tested too.
		certificates=$(mktemp -d)
		trap 'rm -rf "$certificates"' EXIT
		chmod 755 "$certificates"
		mkdir "$certificates/current"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -days 1 \
			-keyout "$certificates/current/privkey.pem" -out "$certificates/current/fullchain.pem" 2>/dev/null
		chmod 644 "$certificates/current/privkey.pem"
		echo 'include /etc/nginx/aipbx/https.conf;' >"$certificates/current/https.conf"
	fi
	if ! docker image inspect "$image" >/dev/null 2>&1 && ! docker pull --quiet "$image"; then
		echo "nginx's configuration was not tested: its image $image cannot be had, so no nginx can run yet." >&2
		return
	fi
	docker run --rm --network none --read-only --tmpfs /tmp --user 101:101 --cap-drop ALL \
		--volume "$folder:/etc/nginx/aipbx:ro" --volume "$certificates:/etc/nginx/tls:ro" \
		--entrypoint nginx "$image" -t -q -c "$main"
}

reload() {
	container=$(running)
	[ -n "$container" ] || return 0
	docker exec "$container" nginx -t -q -c "$main"
	# Not by `docker kill`: whatever its signal, Docker counts the container as stopped by hand, and after the next boot
	# of the host nginx would stay off (unless-stopped).
	docker exec "$container" sh -c 'kill -HUP 1'
	waited=0
	until [ "$(in_force "$container")" = "$(in_place)" ]; do
		if [ "$waited" -ge $((deadline_seconds * 5)) ]; then
			echo "nginx still runs with an earlier configuration." >&2
			echo "    why: it did not take the present one within $deadline_seconds seconds." >&2
			echo "    do:  read \`docker logs --tail 20 $container\` on the host." >&2
			exit 1
		fi
		waited=$((waited + 1))
		sleep 0.2
	done
}

case $1 in
test) test_folder "$2" ;;
reload) reload ;;
running) [ -n "$(running)" ] ;;
stale)
	container=$(running)
	[ -n "$container" ] && [ "$(in_force "$container")" != "$(in_place)" ]
	;;
*)
	echo "nginx.sh: unknown action $1" >&2
	exit 2
	;;
esac
