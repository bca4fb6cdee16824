"""The fleet: three hosts, and only what differs between them. Read by pyinfra and by the tasks alike.

Keep it plain literals: pyinfra takes every public list for a group of hosts. SSH details (address, port, key) stand
in the operator's own ssh_config; every other setting has its default, with its unit and why, in group_data/all.py.
"""

production = [
    ("aipbx.net", {"role": "primary: GPU services, no Cloudflare", "tls": "supplied"}),
    ("aipbx.org", {"role": "second: behind Cloudflare", "cloudflare": True}),
    ("aipbx.ru", {"role": "third: Russian cloud and payments", "canary": True}),
]
