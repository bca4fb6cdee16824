"""A dump's list with the rows of some tables only."""

from __future__ import annotations

import pytest

from aipbx_agent.core.errors import Refused
from aipbx_agent.databases.postgres import pg_dump_toc

LIST = """;
; Archive created at 2026-11-23 22:01:17 UTC
;     dbname: aipbx
;     Dumped from database version: 16.14 (Debian 16.14-1)
;
4; 3079 16385 EXTENSION - vector
220; 1259 16400 TABLE public users aipbx_user
221; 1259 16410 TABLE public users_old aipbx_user
3500; 0 16400 TABLE DATA public users aipbx_user
3501; 0 16410 TABLE DATA public users_old aipbx_user
3502; 0 16420 TABLE DATA Архив Звонки ☎ aipbx_user
3503; 2613 990001 BLOB - 990001 aipbx_user
3600; 0 0 ACL - LARGE OBJECT 990001 aipbx_user
3504; 0 0 BLOBS - BLOBS
3505; 0 0 SEQUENCE SET public users_id_seq aipbx_user
3300; 2606 16430 CONSTRAINT public users users_pkey aipbx_user
3301; 2606 16440 FK CONSTRAINT public users users_old_fkey aipbx_user
3506; 0 16450 MATERIALIZED VIEW DATA public odd_kept aipbx_user""".splitlines()


def kept(*tables: str) -> list[str]:
    return [line.split(";")[0] for line in pg_dump_toc.only(LIST, tables, "d") if not line.startswith(";")]


def test_only_the_rows_that_are_meant_and_nothing_that_needs_the_others() -> None:
    assert kept("users") == ["4", "220", "221", "3500", "3505", "3300"]
    assert kept("public.users_old", "Архив.Звонки ☎") == ["4", "220", "221", "3501", "3502", "3505", "3300"]


@pytest.mark.parametrize("table", ["user", "users_", "other.users", "Архив", ".", "users aipbx_user"])
def test_an_unknown_table_is_refused_with_those_there_are(table: str) -> None:
    with pytest.raises(Refused) as refused:
        kept("users", table)
    assert refused.value.what == f"d holds no table {table}."
    assert "public.users, public.users_old" in refused.value.why


def test_which_server_a_dump_is_of() -> None:
    found = pg_dump_toc.DUMPED_FROM.search("\n".join(LIST))
    assert found
    assert found[1] == "16.14"


def test_where_nothing_follows_the_indexes_of_partitions_nothing_is_restored_after_them() -> None:
    attach = "3400; 0 0 INDEX ATTACH public calls_2026_pkey aipbx_user"
    assert pg_dump_toc.stages([*LIST, attach], 3) == [(LIST, 3), ([attach], 1)]
    assert pg_dump_toc.stages(LIST, 3) == [(LIST, 3)]
