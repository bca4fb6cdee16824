"""Services of the release that runs: started, stopped, restarted."""
