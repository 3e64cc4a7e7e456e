"""Numbers that stand in the accounting tables: special values, job states, node states, transaction kinds."""

from __future__ import annotations

from enum import IntEnum

NO_VAL = 0xFFFFFFFE
INFINITE = 0xFFFFFFFF
NO_VAL64 = 0xFFFFFFFFFFFFFFFE
INFINITE64 = 0xFFFFFFFFFFFFFFFF
MEM_PER_CPU = 1 << 63  # set in job.mem_req: megabytes per CPU instead of per node
SHARES_PARENT = 0x7FFFFFFF


class JobState(IntEnum):
    """job.state and step.state; the last three replace the base value entirely."""

    PENDING = 0
    RUNNING = 1
    SUSPENDED = 2
    COMPLETED = 3
    CANCELLED = 4
    FAILED = 5
    TIMEOUT = 6
    NODE_FAIL = 7
    PREEMPTED = 8
    BOOT_FAIL = 9
    DEADLINE = 10
    OUT_OF_MEMORY = 11
    REQUEUED = 1 << 10
    RESIZING = 1 << 13
    REVOKED = 1 << 19


class JobFlag(IntEnum):
    """Bits of job.flags."""

    NOT_SET = 1
    STARTED_ON_SUBMIT = 2
    MAIN_SCHEDULER = 4
    BACKFILL = 8
    START_RECEIVED = 16


class StepId(IntEnum):
    """step.id_step below zero."""

    EXTERN = -4
    BATCH = -5
    INTERACTIVE = -6


class NodeState(IntEnum):
    """event.state of node events: base in the low four bits, then flags."""

    DOWN = 1
    IDLE = 2
    FUTURE = 6
    DRAIN = 0x200
    NO_RESPOND = 0x800
    POWERED_DOWN = 0x1000
    FAIL = 0x2000
    MAINT = 0x8000


class ReservationFlag(IntEnum):
    """Bits of resv.flags."""

    MAINT = 0x1
    DAILY = 0x4
    WEEKLY = 0x10
    IGNORE_JOBS = 0x40


class Action(IntEnum):
    """txn.action."""

    ADD_ACCOUNTS = 1402
    ADD_COORDINATORS = 1403
    ADD_ASSOCIATIONS = 1404
    ADD_CLUSTERS = 1405
    ADD_USERS = 1406
    MODIFY_ACCOUNTS = 1428
    MODIFY_ASSOCIATIONS = 1429
    MODIFY_USERS = 1431
    REMOVE_ACCOUNTS = 1435
    REMOVE_COORDINATORS = 1436
    REMOVE_ASSOCIATIONS = 1437
    REMOVE_USERS = 1439
    ADD_QOS = 1447
    REMOVE_QOS = 1450
    MODIFY_QOS = 1451
    ADD_WCKEYS = 1452
    MODIFY_JOB = 1476
    ADD_TRES = 1485
