"""What must end or be forgotten by the clock, while the service runs.

    every 20 s ─> check-ins whose time is over: counts that may be told are kept, all else deleted
    every hour ─> sign-ins that ended long ago

Both change nothing when they are done twice, so each replica does them. `homeroom checkin end-over`
does the first where no service runs.
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

CHECKINS_SECONDS: Final = 20.0
SIGN_INS_SECONDS: Final = 3600.0
KEPT: Final = timedelta(days=30)
"""So long it can be looked up which token somebody had."""

logger = logging.getLogger(__name__)


async def run_periodic_tasks(identity: AuditedRecords) -> None:
    """Go on for ever; what fails is tried again.

    Args:
        identity: The records.
    """
    forgotten_at = -math.inf
    while True:
        await asyncio.sleep(CHECKINS_SECONDS)
        try:
            await run_in_pool(checkins.end_expired, identity, identity.clock())
            if time.monotonic() - forgotten_at >= SIGN_INS_SECONDS:
                await run_in_pool(_forget_sign_ins, identity)
                forgotten_at = time.monotonic()
        except HomeroomError as error:
            logger.warning("what is over is not cleared away yet: %s", error)
        except Exception:  # whatever it is: the next round tries again
            logger.exception("what is over is not cleared away yet")


def _forget_sign_ins(identity: AuditedRecords) -> None:
    with identity.work("system:housekeeping") as work:
        delete_ended_sign_ins(work, older_than=KEPT)
