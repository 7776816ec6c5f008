"""Tasks that run periodically while the service does (R10).

    every 20 s ─> end overdue check-ins: counts that may be published are kept, all else is deleted
    every hour ─> delete sign-ins that ended long ago

Both are idempotent, so each replica runs them. `homeroom checkin end-over` does the first where no
service runs.
"""

import asyncio
import logging
import math
import time
from datetime import timedelta
from typing import Final

from cluster import checkins
from cluster.errors import HomeroomError
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.sign_ins import delete_ended_sign_ins
from serve_apps.http.threads import run_in_pool

CHECKINS_INTERVAL_SECONDS: Final = 20.0
SIGN_INS_INTERVAL_SECONDS: Final = 3600.0
SIGN_IN_RETENTION: Final = timedelta(days=30)
"""For this time operators can see which tokens existed."""

logger = logging.getLogger(__name__)


async def run_periodic_tasks(audited: AuditedRecords) -> None:
    """Run until cancelled; a task that fails is tried again in the next round.

    Args:
        audited: The records.
    """
    sign_ins_deleted_at = -math.inf
    while True:
        await asyncio.sleep(CHECKINS_INTERVAL_SECONDS)
        try:
            await run_in_pool(checkins.end_expired, audited, audited.clock())
            if time.monotonic() - sign_ins_deleted_at >= SIGN_INS_INTERVAL_SECONDS:
                await run_in_pool(_delete_ended_sign_ins, audited)
                sign_ins_deleted_at = time.monotonic()
        except HomeroomError as error:
            logger.warning("a periodic task failed: %s", error)
        except Exception:  # whatever it is, the next round tries again
            logger.exception("a periodic task failed")


def _delete_ended_sign_ins(audited: AuditedRecords) -> None:
    with audited.work("system:housekeeping") as work:
        delete_ended_sign_ins(work, older_than=SIGN_IN_RETENTION)
