"""Pull the station's temperatures and draw them. Run from cron."""
import os

import matplotlib.pyplot as plt
import requests

URL = os.environ.get("STATION_URL", "http://station.example/api/v1/readings")
OUT = "temperature.png"


def fetch(days=7):
    reply = requests.get(URL, params={"days": days}, timeout=20)
    reply.raise_for_status()
    return reply.json()["readings"]


def draw(readings):
    times = [r["time"] for r in readings]
    temps = [r["celsius"] for r in readings]
    fig, ax = plt.subplots(figsize=(9, 3))
    ax.plot(times, temps, color="tab:red", lw=1)
    ax.set_ylabel("deg C")
    ax.grid(True)
    fig.autofmt_xdate()
    fig.savefig(OUT, dpi=120)


if __name__ == "__main__":
    draw(fetch())
    print("wrote", OUT)
