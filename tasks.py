"""The operator's verbs."""

from invoke.collection import Collection

import lab.tasks

namespace = Collection()
namespace.add_collection(Collection.from_module(lab.tasks, name="lab"))
