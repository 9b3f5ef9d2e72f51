"""The LAN profile: libtorrent as it is fast on one switch. docs/explanation/transports.md has the measurements."""

from typing import TYPE_CHECKING

import libtorrent

if TYPE_CHECKING:
    from libtorrent import settings_pack

# Small on purpose: what a peer may ask ahead sits unsent in the uploader's socket, and news of new pieces behind it.
REQUEST_QUEUE = 8


# The same for the seeder and every node.
_FIXED: "settings_pack" = {
    "user_agent": "luna",
    "alert_mask": libtorrent.alert_category.error | libtorrent.alert_category.status,
    # Peers come from luna's tracker alone, and the wire is ours: no discovery, no encryption, no uTP, which moved
    # 7 MB/s where TCP moved 200, at five times the processor time.
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "in_enc_policy": libtorrent.enc_policy.disabled,
    "out_enc_policy": libtorrent.enc_policy.disabled,
    # Every block that the seeder sends twice costs its full time: see transports.md for these three.
    "whole_pieces_threshold": 0,
    "initial_picker_threshold": 0,
    "suggest_mode": 0,
    "request_queue_time": 1,
    # Everyone is a friend, so everyone is served at once; fairness is for strangers.
    "choking_algorithm": libtorrent.choking_algorithm_t.fixed_slots_choker,
    "unchoke_slots_limit": -1,
    "unchoke_interval": 1,
    "mixed_mode_algorithm": libtorrent.bandwidth_mixed_algo_t.prefer_tcp,
    "rate_limit_ip_overhead": False,
    # All nodes come at once, and find each other within seconds.
    "allow_multiple_connections_per_ip": True,
    "connections_limit": 8000,
    "connection_speed": 500,
    "torrent_connect_boost": 200,
    "smooth_connects": False,
    "listen_queue_size": 1024,
    "num_want": 50,
    "min_announce_interval": 5,
    "tracker_backoff": 10,
    "stop_tracker_timeout": 1,
    "min_reconnect_time": 2,
    "peer_connect_timeout": 3,
    "peer_turnover": 0,
    # Finished peers stay connected: dropping them would save little, and hide who sent how much.
    "close_redundant_connections": False,
    # A block that doesn't come is soon asked for elsewhere.
    "piece_timeout": 5,
    "request_timeout": 10,
    "tick_interval": 100,
    # The default of 100 MB is memory that a node doesn't have, and keeps shards from being unpacked meanwhile.
    "max_queued_disk_bytes": 8 << 20,
    "aio_threads": 2,
    "hashing_threads": 1,
    "no_atime_storage": True,
    "send_buffer_watermark": 1 << 20,
    "send_buffer_low_watermark": 128 << 10,
    "send_buffer_watermark_factor": 150,
}


def lan_settings(port: int, request_queue: int = REQUEST_QUEUE) -> "settings_pack":
    """The settings of a session that listens on `port`, all addresses; 8 to 16 requests suit 1 GbE, 32 to 64 10 GbE."""
    return {
        **_FIXED,
        "listen_interfaces": f"0.0.0.0:{port},[::]:{port}",
        "max_allowed_in_request_queue": request_queue,
        "max_out_request_queue": request_queue,
    }


# Of who is known by its port. Else the next one that is free is taken, and nobody is told.
_THAT_PORT: "settings_pack" = {"max_retry_port_bind": 0, "listen_system_port_fallback": False}


def open_session(port: int, request_queue: int = REQUEST_QUEUE, *, no_other_port: bool = False) -> libtorrent.session:
    """A session with the LAN profile, writing with pwrite(2) rather than through memory maps."""
    settings = lan_settings(port, request_queue)
    if no_other_port:
        settings.update(_THAT_PORT)
    parameters = libtorrent.session_params(settings)
    parameters.disk_io_constructor = "pread_disk_io_constructor"
    return libtorrent.session(parameters)
