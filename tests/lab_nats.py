"""A cluster of NATS servers with JetStream and MQTT in place of headquarters' Mosquitto, one server in each host."""

from collections.abc import Sequence
from pathlib import Path

from hq_brokers import Keys
from lab_hosts import EVERYWHERE, Host, Program

MQTT, CLIENT, ROUTE = "mqtt", "nats", "route"
HQ_NAME = "headquarters"
"""The name in the certificate of `edge hq`: these brokers know no passwords beside certificates."""
_USUAL = {MQTT: 8883, CLIENT: 4222, ROUTE: 6222}

CONFIGURATION = """
server_name: {name}
listen: "127.0.0.1:{nats}"
jetstream {{ store_dir: "{folder}/jetstream", max_memory_store: 64MB, max_file_store: 2GB }}
cluster {{ name: hq, listen: "{address}:{route}", routes: [{routes}] }}
authorization {{
  users: [
{users}
  ]
}}
mqtt {{
  listen: "{address}:{mqtt}"
  tls {{
    cert_file: "{keys}/hq/hq.crt"
    key_file: "{keys}/hq/hq.key"
    ca_file: "{keys}/ca.crt"
    verify_and_map: true
  }}
  ack_wait: "10s"
  max_ack_pending: 10000
  stream_replicas: {replicas}
  consumer_replicas: {replicas}
}}
"""


SITE_RIGHTS = """\
    {{ user: "CN={site}", permissions: {{
      publish: ["cctv.{site}.event.>", "cctv.{site}.state.>", "cctv.{site}.reply.>"]
      subscribe: ["hq.{site}.command", "hq.{site}.command.>", "hq.{site}.ack", "hq.{site}.ack.>", "$MQTT.sub.>"]
    }} }}"""
HQ_RIGHTS = """\
    {{ user: "CN={hq}", permissions: {{ publish: ["hq.>", "cctv.hq.>"], subscribe: ["cctv.>", "hq.hq.>", "$MQTT.sub.>"] }} }}"""


def nats_login(keys: Keys) -> dict[str, object]:
    """The section `broker` of an hq.yaml: the name of all servers, of which the first that answers is taken."""
    files = {name: str(path) for name, path in keys.files(HQ_NAME).items()}
    return {"host": EVERYWHERE, "port": _USUAL[MQTT], "tls": files, "mqtt_version": "3.1.1"}


def nats_cluster(hosts: Sequence[Host], folder: Path, keys: Keys, sites: Sequence[str]) -> list[Program]:
    """Servers that are not started yet, one in each host; who may say what follows from the certificates."""
    users = [HQ_RIGHTS.format(hq=HQ_NAME), *(SITE_RIGHTS.format(site=site) for site in sites)]
    ports = [{name: host.port(f"{host.name}-{name}", usual) for name, usual in _USUAL.items()} for host in hosts]
    routes = ", ".join(f'"nats://{host.address}:{own[ROUTE]}"' for host, own in zip(hosts, ports, strict=True))
    made = []
    for host, own in zip(hosts, ports, strict=True):
        place = folder / host.name
        place.mkdir(parents=True)
        text = CONFIGURATION.format(
            name=host.name,
            folder=place,
            address=host.address,
            routes=routes,
            keys=keys.folder,
            users="\n".join(users),
            replicas=len(hosts),
            **own,
        )
        (place / "nats.conf").write_text(text)
        made.append(Program(host, ["nats-server", "-c", place / "nats.conf"], place / "nats.log", own[MQTT]))
    return made
