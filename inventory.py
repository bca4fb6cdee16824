"""The fleet: three hosts, and only what differs between them. Read by pyinfra and by the tasks alike.

Keep it plain literals: pyinfra takes every public list for a group of hosts. SSH details (address, port, key) stand
in the operator's own ssh_config; every other setting has its default, with its unit and why, in group_data/all.py.

Numbers in commit messages count in this order. A group `staging` may stand beside production, for hosts on which
releases are tried out (group_data/staging.py, docs/staging.md); they are not counted, and `all` is without them:

    staging = [("staging.aipbx.net", {"role": "staging", "web_from": ["198.51.100.7"]})]
"""

production = [
    ("aipbx.net", {"role": "primary: GPU services, no Cloudflare", "tls": "supplied"}),
    ("aipbx.org", {"role": "second: behind Cloudflare", "cloudflare": True}),
    ("aipbx.ru", {"role": "third: Russian cloud and payments", "canary": True}),
]
