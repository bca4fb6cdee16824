#!/bin/sh
# Can nginx serve this certificate? Key, chain, names and dates; and do those believe it who trust authority.pem?
#
#   check.sh FOLDER NAME...   FOLDER holds fullchain.pem and privkey.pem; and authority.pem, which is taken away
#
# Leaves FOLDER/fullchain.pem as openssl writes it, certificate by certificate. Exit code 5: it cannot be served.
set -eu
umask 077

folder=$1
shift

refuse() {
	printf '%s\n    why: %s\n    do:  %s\n' "$1" "$2" "$3" >&2
	exit 5
}

parts=$folder/parts
rm -rf "$parts"
mkdir "$parts"
trap 'rm -rf "$parts"' EXIT
awk -v to="$parts/" '/-----BEGIN CERTIFICATE-----/ { n++ } n { print > (to sprintf("%02d", n) ".in") }' \
	"$folder/fullchain.pem"
[ -e "$parts/01.in" ] || refuse "There is no certificate in it." "No block BEGIN CERTIFICATE was found." \
	"Give the full chain as PEM: the server's certificate first."
: >"$folder/fullchain.pem.new"
for part in "$parts"/*.in; do
	openssl x509 -in "$part" -out "${part%.in}.pem" 2>/dev/null ||
		refuse "A certificate of the chain cannot be read." "openssl x509 does not know its block ${part##*/}." \
			"Give the files as the authority delivered them, as PEM."
	cat "${part%.in}.pem" >>"$folder/fullchain.pem.new"
done
mv "$folder/fullchain.pem.new" "$folder/fullchain.pem"
leaf=$parts/01.pem

of_key=$(openssl pkey -in "$folder/privkey.pem" -passin pass: -pubout 2>/dev/null) ||
	refuse "The private key cannot be read." "It is no PEM, or it is protected by a passphrase." \
		"Give the key without a passphrase: \`openssl pkey -in KEY -out PLAIN\`."
[ "$of_key" = "$(openssl x509 -in "$leaf" -noout -pubkey)" ] ||
	refuse "Certificate and key do not match." "The key's public half is not the one in the first certificate." \
		"Give the key that the certificate was asked for with; the server's certificate stands first in the chain."

previous=
for part in "$parts"/*.pem; do
	if [ -n "$previous" ]; then
		openssl verify -no_check_time -partial_chain -trusted "$part" "$previous" >/dev/null 2>&1 ||
			refuse "The chain is out of order or has a gap." \
				"$(openssl x509 -in "$previous" -noout -subject) is not signed by the certificate after it, $(
					openssl x509 -in "$part" -noout -subject)." \
				"Order it: the server's certificate, then each one's issuer."
	fi
	previous=$part
done

for name in "$@"; do
	openssl x509 -in "$leaf" -noout -checkhost "$name" | grep -q 'does match' ||
		refuse "The certificate is not for $name." \
			"It names $(openssl x509 -in "$leaf" -noout -ext subjectAltName 2>/dev/null | tail -n +2 | tr -s ' \n' ' ')." \
			"Get one that names $*, or correct extra_names in inventory.py."
done

ends=$(openssl x509 -in "$leaf" -noout -enddate)
openssl x509 -in "$leaf" -noout -checkend 0 >/dev/null ||
	refuse "The certificate has expired." "Its last day was ${ends#*=}." "Get a new one."
starts=$(openssl x509 -in "$leaf" -noout -startdate)
[ "$(date -d "${starts#*=}" +%s)" -le "$(date +%s)" ] ||
	refuse "The certificate is not valid yet." "It begins at ${starts#*=}, and here it is $(date -u)." \
		"Wait, or check the host's clock: \`timedatectl\`."

[ -e "$folder/authority.pem" ] || exit 0
# Level 2 is what browsers demand of keys and signatures.
said=$(openssl verify -no-CApath -no-CAstore -CAfile "$folder/authority.pem" -purpose sslserver -auth_level 2 \
	-untrusted "$folder/fullchain.pem" "$leaf" 2>&1) ||
	refuse "A browser would not believe the certificate." \
		"openssl says: $(printf '%s\n' "$said" | sed -n 's/^error [0-9]* at \([0-9]*\) depth lookup: /certificate \1 of the chain: /p')." \
		"Give the full chain of a server's certificate, as the authority delivered it. A private authority (Cloudflare's for origins) vouches for it with --authority=FILE."
rm "$folder/authority.pem"
