"""The server's configuration when `cookbook lab` starts it. Arguments after `cookbook lab --` go before it."""

from pathlib import Path

c = get_config()  # noqa: F821

c.ServerApp.root_dir = str(Path(__file__).resolve().parents[2] / "notebooks")
c.LabApp.default_url = "/lab/tree/start-here.ipynb"
c.ServerApp.ip = "127.0.0.1"
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"  # the other one asks the network
c.Application.log_level = "ERROR"  # the address would drown in what each extension says about itself
c.KernelManager.transport_encryption = "auto"  # kernels listen on TCP, which every user of the machine can reach
