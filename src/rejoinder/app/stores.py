"""What API and workers share: the database, the files, the engine and the verbs on them."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

from rejoinder import plugins
from rejoinder.control.bots import Bots
from rejoinder.control.cleaning import Cleaner
from rejoinder.control.ledger import Ledger
from rejoinder.control.shipping import Spool
from rejoinder.engine.dbos_engine import DbosEngine, prepare
from rejoinder.errors import RejoinderError
from rejoinder.settings import Settings
from rejoinder.storage.blobs import open_blobs
from rejoinder.storage.database import Database, database_url
from rejoinder.storage.keys import Keys
from rejoinder.storage.links import Links, load_secret
from rejoinder.storage.migrate import upgrade


class Stores:
    """Made without touching anything but the data folder; :meth:`open` comes first. Raises RejoinderError."""

    def __init__(self, settings: Settings) -> None:
        prepare_data_dir(settings.data_dir)
        given = settings.database_url.get_secret_value() if settings.database_url else None
        self.settings = settings
        self.database = Database(database_url(given, settings.data_dir))
        self.blobs = open_blobs(settings)
        self.links = Links(load_secret(settings))
        self.keys = Keys(self.database, settings.api_key)
        self.engine = DbosEngine(self.database)
        self.ledger = Ledger(self.database, self.engine, settings)
        self.spool_folder = settings.data_dir / "spool"
        self.spool = Spool(self.spool_folder, self.blobs, shared=settings.storage_url is not None)
        self.cleaner = Cleaner(self.database, self.engine, self.ledger, self.blobs, settings, self.spool_folder)
        self.bots = Bots(
            self.database,
            self.engine,
            self.ledger,
            self.blobs,
            self.links,
            plugins.known_meeting(settings),
            lambda: plugins.BATCH_PROVIDERS,
            self.cleaner,
            settings,
        )

    async def open(self) -> None:
        """Bring the tables up to date."""
        await upgrade(self.database)
        await prepare(self.database)

    async def close(self) -> None:
        """Let go of everything."""
        await self.engine.close()
        await self.database.close()


def prepare_data_dir(path: Path) -> None:
    """Make the data folder, readable by its owner only, and see that it can be written. Raises RejoinderError."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
    except OSError as error:
        raise RejoinderError(
            f"The data folder {path} cannot be written ({error.strerror}). Set REJOINDER_DATA_DIR to one that can."
        ) from error


def host_id(data_dir: Path) -> str:
    """What this installation is called among the hosts of a database: made once, kept in its data folder."""
    path = data_dir / "host.id"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        data_dir.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"host.id.{uuid.uuid4().hex}")
        new.write_text(uuid.uuid4().hex[:12], "ascii")
        try:
            path.hardlink_to(new)  # whoever is first decides
        except FileExistsError:
            pass
        finally:
            new.unlink()
        return path.read_text("ascii").strip()
