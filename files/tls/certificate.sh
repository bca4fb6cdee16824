#!/bin/sh
# This host's certificate: obtained, renewed, checked, served. Called by aipbx-certificate.timer, by `inv tls.*` and by
# `inv deploy`; a run that was cut off is finished by the next one.
#
#   certificate.sh ensure [--force]   obtain it if there is none for our names, renew it if it is due (--force: now),
#                                     and see to it that nginx serves it
#   certificate.sh supply [--verify]  take the chain and the key, as PEM, from standard input; --verify: only if browsers
#                                     believe it, or an authority that comes behind the line `# aipbx: authority`
#   certificate.sh status             print source, file and served (hashes of the chain), then the chain
#
# Exit codes: 3 a name does not point here, 4 the authority refuses, 5 the certificate cannot be served,
# 6 another run holds the lock, 7 nginx does not answer, 8 nothing was supplied yet.
set -eu
umask 077
here=/usr/local/lib/aipbx

value() {
	sed -n "s/^$1=//p" $here/host.conf
}

say() {
	printf '%s\n    why: %s\n    do:  %s\n' "$2" "$3" "$4" >&2
	exit "$1"
}

app=$(value app_dir)
names=$(value names)
host=${names%% *}
store=$app/tls
live=$app/letsencrypt/live/$host

# The hash of the chain that nginx hands out; empty when it hands out none.
served() {
	chain=$(timeout 10 openssl s_client -connect 127.0.0.1:443 -servername "$host" -showcerts </dev/null 2>/dev/null |
		awk '/-----BEGIN CERTIFICATE-----/, /-----END CERTIFICATE-----/') || true
	[ -z "$chain" ] || printf '%s\n' "$chain" | sha256sum | cut -c1-64
}

# Whether the certificate at hand is for exactly our names and far from its end: then nothing will be asked for.
settled() {
	[ -e "$live/fullchain.pem" ] && openssl x509 -in "$live/fullchain.pem" -noout -checkend 2592000 >/dev/null &&
		same_names
}

same_names() {
	# shellcheck disable=SC2086  # the names are words
	[ "$(openssl x509 -in "$live/fullchain.pem" -noout -ext subjectAltName | tail -n +2 | tr ',' '\n' |
		sed 's/.*DNS://' | sort)" = "$(printf '%s\n' $names | sort)" ]
}

# Nothing of what surrounds the file decides, as in fleet/commands/compose.py. The file wants to know the release too,
# which is no matter of certbot's.
compose() {
	env -i HOME="${HOME:-/root}" PATH="$PATH" BACKEND_IMAGE=none FRONTEND_IMAGE=none docker compose --progress quiet \
		--project-directory "$app" --env-file /dev/null --file "$app/compose.yml" "$@"
}

obtain() {
	if [ -n "$force" ] || ! settled; then
		# shellcheck disable=SC2086  # the names are words
		$here/points-here.sh $names || exit $?
	fi
	set -- certonly --non-interactive --agree-tos --webroot --webroot-path /var/www/acme-challenge \
		--server "$(value acme_directory)" --cert-name "$host" --renew-with-new-domains \
		--logs-dir /etc/letsencrypt/log --work-dir /etc/letsencrypt/work ${force:+"$force"}
	contact=$(value acme_contact)
	if [ -n "$contact" ]; then
		set -- "$@" --email "$contact" --no-eff-email
	else
		set -- "$@" --register-unsafely-without-email
	fi
	for name in $names; do
		set -- "$@" --domain "$name"
	done
	[ -n "$force" ] || set -- "$@" --keep-until-expiring
	if ! output=$(compose run --rm --no-deps -T certbot "$@" 2>&1 </dev/null); then
		printf '%s\n' "$output" | grep -vE '^(Saving debug log|Ask for help|See the logfile|$)' >&2 || true
		say 4 "No certificate for $names was issued." "Certbot's own words are above." \
			"Correct what the authority names, then \`inv tls.issue --host $host\`."
	fi
}

# Brings FOLDER (fullchain.pem, privkey.pem) into force; the one in force before comes back when nginx refuses it.
publish() {
	# shellcheck disable=SC2086  # the names are words
	$here/check.sh "$1" $names || exit $?
	print=$(sha256sum "$1/fullchain.pem" | cut -c1-64)
	before=$(readlink "$store/current" || true)
	if [ "$before" != "$print" ] || ! whole "$store/$print"; then
		chgrp 101 "$1" "$1/fullchain.pem" "$1/privkey.pem"
		echo 'include /etc/nginx/aipbx/https.conf;' >"$1/https.conf"
		chgrp 101 "$1/https.conf"
		chmod 640 "$1"/*.pem "$1/https.conf"
		chmod 750 "$1"
		sync "$1"/*
		rm -rf "${store:?}/$print"
		mv -T "$1" "$store/$print"
		flip "$print"
	fi
	touch "$store/$print"
	if [ "$(served)" != "$print" ] && ! $here/nginx.sh reload; then
		[ -z "$before" ] || [ "$before" = "$print" ] || flip "$before"
		say 5 "nginx does not take the new certificate; the one before stays." "Its words are above." \
			"Correct them, then try again."
	fi
	# The three newest are kept.
	find "$store" -mindepth 1 -maxdepth 1 -type d ! -name '*.new' -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2 |
		while read -r old; do [ "$old" = "$store/$print" ] || rm -rf "$old"; done
}

whole() {
	[ -e "$1/https.conf" ] && cmp -s "$1/privkey.pem" "$incoming/privkey.pem" &&
		cmp -s "$1/fullchain.pem" "$incoming/fullchain.pem"
}

flip() {
	ln -sfn "$1" "$store/current.new"
	mv -fT "$store/current.new" "$store/current"
}

confirm_served() {
	if ! $here/nginx.sh running; then
		echo "the certificate of $host is in place; nginx does not run and reads it when it starts"
		return
	fi
	waited=0
	until [ "$(served)" = "$print" ]; do
		[ "$waited" -lt 50 ] || say 7 "The certificate is in place, and nginx does not serve it." \
			"https://$host answers with another one, or not at all." "See \`docker logs\` of nginx on the host."
		waited=$((waited + 1))
		sleep 0.2
	done
	echo "serving the certificate of $host, until $(openssl x509 -in "$store/current/fullchain.pem" -noout -enddate |
		sed 's/.*=//')"
}

if [ "$1" = status ]; then
	echo "source=$(value tls)"
	echo "names=$names"
	echo "file=$(readlink "$store/current" || true)"
	echo "served=$(served)"
	cat "$store/current/fullchain.pem" 2>/dev/null || true
	exit 0
fi

exec 9>/run/lock/aipbx-certificate
flock --wait 180 9 || say 6 "Another run holds the certificate's lock." "It has held it for three minutes." \
	"Look who: \`systemctl status aipbx-certificate.service\`, \`ps -ef | grep certificate.sh\` on the host."
incoming=$store/incoming.new
rm -rf "$incoming" "$store/current.new"
mkdir "$incoming"
code=0
# What the authority said is the outcome, also when what is there already turns out not to do either.
trap 'rm -rf "$incoming"; [ "$code" -eq 0 ] || exit "$code"' EXIT
force=
case "$1 ${2:-}" in
"ensure "*)
	if [ "$(value tls)" = letsencrypt ]; then
		[ "${2:-}" != --force ] || force=--force-renewal
		(obtain) || code=$?
		# What is there already is served all the same.
		[ -e "$live/fullchain.pem" ] || exit "$code"
		cat "$live/fullchain.pem" >"$incoming/fullchain.pem"
		cat "$live/privkey.pem" >"$incoming/privkey.pem"
	else
		[ -e "$store/current/fullchain.pem" ] || say 8 "No certificate has been supplied to $host yet." \
			"Its data say tls = \"supplied\"." "\`inv tls.supply --host $host --cert fullchain.pem --key privkey.pem\`"
		cat "$store/current/fullchain.pem" >"$incoming/fullchain.pem"
		cat "$store/current/privkey.pem" >"$incoming/privkey.pem"
	fi
	publish "$incoming"
	;;
"supply "*)
	awk -v to="$incoming/" '/^# aipbx: authority$/ { authority = 1 }
		/-----BEGIN / { file = authority ? "authority.pem" : /PRIVATE KEY-----/ ? "privkey.pem" : "fullchain.pem" }
		file { print > (to file) } /-----END / { file = "" }'
	if [ ! -e "$incoming/fullchain.pem" ] || [ ! -e "$incoming/privkey.pem" ]; then
		say 5 "Certificate or key is missing." "Standard input must hold both, as PEM." "Give both files."
	fi
	[ "${2:-}" != --verify ] || [ -e "$incoming/authority.pem" ] ||
		ln -s /etc/ssl/certs/ca-certificates.crt "$incoming/authority.pem"
	publish "$incoming"
	;;
*)
	echo "certificate.sh: unknown action $*" >&2
	exit 2
	;;
esac
confirm_served
