"""Where what can be made again is kept between runs."""

import os
from pathlib import Path


def profiles_folder() -> Path:
    """The folder of normal profiles: in this user's cache (`XDG_CACHE_HOME`, else ~/.cache)."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "thermowell" / "profiles"
