#!/bin/sh
# Undoes a change of sshd or of the firewall unless a fresh login confirms it.
#
#   guard.sh arm ssh|firewall       keep what is in force now, rehearse the way back, start the countdown
#   guard.sh disarm ssh|firewall    the change is confirmed: stop the countdown, forget the way back
#   guard.sh revert ssh|firewall    the way back; aipbx-guard@.timer calls it, also after a reboot
set -eu
umask 077

action=$1
subject=$2
kept=/var/lib/aipbx/guard/$subject
timer=aipbx-guard@$subject.timer

keep() {
	rm -rf "$kept.new"
	mkdir -p "$kept.new"
	case $subject in
	ssh)
		cp -a /etc/ssh/sshd_config "$kept.new/"
		[ ! -d /etc/ssh/sshd_config.d ] || cp -a /etc/ssh/sshd_config.d "$kept.new/"
		;;
	firewall)
		cp -a /etc/ufw "$kept.new/rules"
		cp -a /etc/default/ufw "$kept.new/default"
		# The kernel's own table, so that the way back does not depend on what ufw makes of its files.
		iptables-save -t filter >"$kept.new/filter.v4"
		ip6tables-save -t filter >"$kept.new/filter.v6"
		for tool in iptables ip6tables; do
			$tool -t nat -S PREROUTING >"$kept.new/redirects.$tool"
		done
		;;
	esac
	rm -rf "$kept"
	mv "$kept.new" "$kept"
}

# Of nat only the rules that are gone come back: the rest is Docker's, which may have changed it since.
redirect_again() {
	[ -e "$2" ] || return 0
	gone=$("$1" -t nat -S PREROUTING | grep -vxFf /dev/stdin "$2" | grep '^-A ') || return 0
	printf '*nat\n%s\nCOMMIT\n' "$gone" | "$1-restore" --noflush
}

give_back() {
	case $subject in
	ssh)
		if [ -d "$kept/sshd_config.d" ]; then
			rm -rf /etc/ssh/sshd_config.d.reverted
			cp -a "$kept/sshd_config.d" /etc/ssh/sshd_config.d.reverted
			rm -rf /etc/ssh/sshd_config.d
			mv /etc/ssh/sshd_config.d.reverted /etc/ssh/sshd_config.d
		fi
		cp -a "$kept/sshd_config" /etc/ssh/sshd_config
		mkdir -p /run/sshd
		/usr/sbin/sshd -t
		systemctl try-reload-or-restart ssh.service
		;;
	firewall)
		cp -a "$kept/rules/." /etc/ufw/
		cp -a "$kept/default" /etc/default/ufw
		iptables-restore -T filter <"$kept/filter.v4"
		ip6tables-restore -T filter <"$kept/filter.v6"
		for tool in iptables ip6tables; do
			redirect_again $tool "$kept/redirects.$tool"
		done
		;;
	esac
}

case $action in
arm)
	# Armed already: an earlier run was cut off before its proof. What it kept is the last state known to let us in.
	systemctl daemon-reload
	if ! systemctl --quiet is-active "$timer"; then
		keep
		systemctl start "aipbx-guard@$subject.service"
	fi
	systemctl enable --quiet "$timer"
	systemctl restart "$timer"
	;;
disarm)
	if ! systemctl --quiet is-active "$timer"; then
		echo "the countdown has run out, and the change of $subject was undone" >&2
		exit 1
	fi
	systemctl disable --quiet --now "$timer"
	rm -rf "$kept"
	;;
revert)
	give_back
	systemctl disable --quiet --now "$timer"
	;;
*)
	echo "guard.sh: unknown action $action" >&2
	exit 2
	;;
esac
