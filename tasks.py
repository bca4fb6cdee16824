"""The operator's verbs."""

import invoke.main
from invoke.collection import Collection

import fleet.adoption.tasks as adoption
import fleet.audit.tasks as audits
import fleet.backup.tasks as backups
import fleet.ci.tasks
import fleet.database.import_tasks as imports
import fleet.database.tasks as rotations
import fleet.env.tasks
import fleet.migrations.tasks as migrations
import fleet.monitoring.tasks as monitoring
import fleet.offsite.tasks
import fleet.promotion.tasks as promotions
import fleet.release.images.tasks
import fleet.release.tasks as release
import fleet.restore.tasks as restores
import fleet.runbook.tasks as runbooks
import fleet.runs.tasks as runs
import fleet.services.tasks as services
import fleet.setup.tasks as setups
import fleet.shell.tasks as shell
import fleet.staging.tasks
import fleet.status.tasks as status
import fleet.tls.tasks
import fleet.users.tasks
import lab.tasks
from fleet.command_line import parsing

namespace = Collection()
for task in (
    setups.setup,
    adoption.adopt,
    release.deploy,
    promotions.promote,
    release.rollback,
    release.releases_,
    release.prune,
    release.lock_,
    release.unlock,
    release.maintenance,
    status.status,
    audits.audit,
    status.config,
    status.logs,
    status.csp,
    status.doctor,
    runbooks.runbook,
    monitoring.alerts,
    monitoring.silence,
    monitoring.dashboard,
    backups.backup,
    backups.backups,
    restores.restore,
    restores.verify,
    migrations.migrate,
    services.start,
    services.stop,
    services.restart,
    services.images,
    runs.attach,
    runs.cancel,
    shell.exec_,
    shell.tunnel,
):
    namespace.add_task(task)

database = Collection("db")
database.add_task(shell.shell)
database.add_task(rotations.rotate_password)
database.add_task(imports.import_mysql)
namespace.add_collection(database)
namespace.add_collection(Collection.from_module(fleet.env.tasks, name="env"))
namespace.add_collection(Collection.from_module(fleet.ci.tasks, name="github"))
namespace.add_collection(Collection.from_module(fleet.release.images.tasks, name="registry"))
namespace.add_collection(Collection.from_module(fleet.users.tasks, name="user"))
namespace.add_collection(Collection.from_module(fleet.offsite.tasks, name="offsite"))
namespace.add_collection(Collection.from_module(fleet.staging.tasks, name="staging"))
namespace.add_collection(Collection.from_module(fleet.tls.tasks, name="tls"))
namespace.add_collection(Collection.from_module(lab.tasks, name="lab"))

parsing.prepare(invoke.main.program, namespace)
