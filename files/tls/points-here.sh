#!/bin/sh
# Will the certificate authority find this host under these names? Asked the way that the authority asks.
#
#   points-here.sh NAME...
#
# Exit codes: 3 a name does not point here, 7 nginx does not answer here.
set -eu

value() {
	sed -n "s/^$1=//p" /usr/local/lib/aipbx/host.conf
}

say() {
	printf '%s\n    why: %s\n    do:  %s\n' "$2" "$3" "$4" >&2
	exit "$1"
}

challenges=$(value app_dir)/acme-challenge/.well-known/acme-challenge
token=aipbx-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
install -d -m 755 "${challenges%/*}" "$challenges"
trap 'rm -f "$challenges/$token"' EXIT
echo "$token" >"$challenges/$token"
chmod 644 "$challenges/$token"

# Whether ADDRESS answers for NAME with our token; over https too, as the authority follows redirects.
answers() {
	case $1 in *:*) in_url=[$1] ;; *) in_url=$1 ;; esac
	[ "$(curl --silent --location --insecure --max-time 10 --noproxy '*' --resolve "$2:80:$in_url" \
		"http://$2/.well-known/acme-challenge/$token")" = "$token" ]
}

answers 127.0.0.1 "$1" ||
	say 7 "nginx on this host does not answer on port 80." \
		"It must serve http://$1/.well-known/acme-challenge/ for the authority to see." \
		"See \`sudo docker ps\` and the logs of nginx on the host; \`inv deploy\` starts it."
# Cloudflare's addresses are not ours, and it may hold back a machine that asks like a machine.
[ "$(value cloudflare)" = no ] || exit 0

ours=$(ip -o addr show scope global | awk '{ sub("/.*", "", $4); print $4 }' | tr '\n' ' ')
translated=$(value public_addresses)
for name in "$@"; do
	# DNS alone: /etc/hosts often gives a server's own name a loopback address.
	addresses=$(getent -s dns ahosts "$name" | awk '{ print $1 }' | sort -u)
	[ -n "$addresses" ] || say 3 "$name does not point here: DNS does not know it." \
		"The authority would look it up and find nothing; this host is $ours$translated." \
		"Let it point to this host, or take it out of extra_names."
	for address in $addresses; do
		! answers "$address" "$name" || continue
		# A cloud that translates addresses may not let us reach ourselves by them.
		case " $translated " in *" $address "*) continue ;; esac
		case " $ours " in
		*" $address "*)
			say 7 "nginx does not answer at $address." "DNS gives this address of ours for $name, so browsers and the authority use it." \
				"Publish nginx's ports there (compose.yml), or take the address out of DNS."
			;;
		esac
		say 3 "$name does not point here." "DNS says $address, where nobody answers as we do; this host is $ours$translated." \
			"Correct its DNS records (or public_addresses in inventory.py), wait until they are known, try again."
	done
done
