"""The Jupyter server's configuration when `cookbook lab` starts it. Arguments after `cookbook lab --` override it."""

import os
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir

c = get_config()  # noqa: F821

c.ServerApp.root_dir = os.environ["COOKBOOK_LAB_FOLDER"]  # the project's: notebooks link to pages outside of theirs
c.LabApp.default_url = "/lab/tree/notebooks/start-here.ipynb"
c.LabApp.custom_css = True  # the user's own custom.css, or else ours
c.ServerApp.tornado_settings = {
    "static_custom_path": [str(Path(folder, "custom")) for folder in (jupyter_config_dir(), Path(__file__).parent)]
}
c.ServerApp.ip = "127.0.0.1"
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"  # the default class sends a request to the internet
c.Application.log_level = "ERROR"  # else each extension logs lines, and the address is hard to find among them
c.KernelManager.transport_encryption = "auto"  # kernels listen on TCP, which every user of the machine can reach
