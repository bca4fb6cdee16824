"""The operator's verbs."""

from invoke.collection import Collection

import fleet.accounts.tasks
import fleet.adoption.tasks as adoption
import fleet.data.backup_tasks as backups
import fleet.data.import_tasks as imports
import fleet.data.offsite_tasks
import fleet.data.restore_tasks as restores
import fleet.data.rotation_tasks as rotations
import fleet.deploy.tasks as release
import fleet.enter.tasks as enter
import fleet.env.tasks
import fleet.look.tasks as look
import fleet.migrations.tasks as migrations
import fleet.tls.tasks
import lab.tasks

namespace = Collection()
for task in (
    adoption.adopt,
    release.deploy,
    release.rollback,
    release.releases_,
    release.prune,
    release.lock_,
    release.unlock,
    release.maintenance,
    look.status,
    look.logs,
    look.csp,
    look.doctor,
    backups.backup,
    backups.backups,
    restores.restore,
    restores.verify,
    migrations.migrate,
    enter.exec_,
    enter.tunnel,
):
    namespace.add_task(task)

database = Collection("db")
database.add_task(enter.shell)
database.add_task(rotations.rotate_password)
database.add_task(imports.import_mysql)
namespace.add_collection(database)
namespace.add_collection(Collection.from_module(fleet.env.tasks, name="env"))
namespace.add_collection(Collection.from_module(fleet.accounts.tasks, name="user"))
namespace.add_collection(Collection.from_module(fleet.data.offsite_tasks, name="offsite"))
namespace.add_collection(Collection.from_module(fleet.tls.tasks, name="tls"))
namespace.add_collection(Collection.from_module(lab.tasks, name="lab"))
