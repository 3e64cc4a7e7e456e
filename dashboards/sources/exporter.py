"""Whoever runs the exporter: does it read, how long does it take, what fails, how much does it publish?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import GREEN, ORANGE, RED, Column, Json, board, colored_text, labels_of, query, stat, steps, table, timeseries, words



def own(metric: str) -> str:
    """The exporter's own metrics differ by exporter, so nothing is made one here."""
    return f'slurmdbd_{metric}{{job=~"$job",instance=~"$instance"}}'


def glance() -> list[Json]:
    return [
        stat(
            "Database",
            "Whether the last poll reached the database. Down: host, network, password, TLS, in this order; the log has the reason.",
            query(f"min({own('up')})", instant=True),
            "none",
            mappings=words(v0=("Down", RED), v1=("Answers", GREEN)),
            filled=True,
        ),
        stat(
            "Collectors failing",
            "Whose last poll failed. The table below names them; the log says why.",
            query(f"sum(1 - {own('scrape_collector_success')})", instant=True),
            "none",
            thresholds=steps((1, RED)),
            filled=True,
        ),
        stat(
            "Age of data",
            "How long ago the collector that is furthest behind last succeeded. It should be about the poll interval.",
            query(f"time() - min({own('exporter_collector_last_success_timestamp_seconds')})", instant=True),
            "s",
            decimals=0,
            thresholds=steps((900, ORANGE), (1800, RED)),
            filled=True,
        ),
        stat(
            "A poll takes",
            "All collectors together, the last time. Near the poll interval: raise --poll.interval, or the database is slow.",
            query(f"max(sum by (instance) ({own('scrape_collector_duration_seconds')}))", instant=True),
            "s",
            decimals=2,
        ),
        stat("Series", "On the metrics page.", query(f"sum({own('exporter_collector_series')})", instant=True), "short"),
        stat(
            "Configuration",
            "Whether the last reload was accepted. Refused: the exporter goes on with the one before; the log says what is wrong.",
            query(f"min({own('exporter_config_last_reload_successful')})", instant=True),
            "none",
            mappings=words(v0=("Refused", RED), v1=("Loaded", GREEN)),
            filled=True,
        ),
    ]


def collectors() -> Json:
    errors = f"sum by (instance, collector) (increase({own('exporter_collector_errors_total')}[$__range]))"
    dropped = f"sum by (instance, collector) (increase({own('exporter_collector_series_dropped_total')}[$__range]))"
    rows = f"sum by (instance, collector) (rate({own('exporter_collector_rows_read_total')}[$__rate_interval]))"

    def by(metric: str) -> str:
        return f"max by (instance, collector) ({own(metric)})"

    return table(
        "Collectors",
        "Each part of the exporter. Errors and series left out are of the time range. Series left out: raise --collector.NAME.max-series, or "
        "narrow with --user-include and the like.",
        [
            query(by("scrape_collector_success"), table=True),
            query(f"time() - {by('exporter_collector_last_success_timestamp_seconds')}", table=True),
            query(by("scrape_collector_duration_seconds"), table=True),
            query(rows, table=True),
            query(by("exporter_collector_series"), table=True),
            query(errors, table=True),
            query(dropped, table=True),
        ],
        [
            Column("instance", "Exporter"),
            Column("collector", "Collector"),
            Column("A", "Last poll", mappings=words(v0=("failed", RED), v1=("succeeded", GREEN)), custom__cellOptions=colored_text()),
            Column("B", "Last success", "s", decimals=0),
            Column("C", "Duration", "s", decimals=3),
            Column("D", "Rows read/s", "short", decimals=1),
            Column("E", "Series", "short"),
            Column("F", "Errors", "short", decimals=0, thresholds=steps((1, RED), base="text"), custom__cellOptions=colored_text()),
            Column("G", "Left out", "short", decimals=0, thresholds=steps((1, RED), base="text"), custom__cellOptions=colored_text()),
        ],
        sort="Duration",
        height=12,
    )


def over_time() -> list[list[Json]]:
    errors = f"sum by (collector, reason) (increase({own('exporter_collector_errors_total')}[$__rate_interval])) > 0"
    age = f"time() - max by (collector) ({own('exporter_collector_last_success_timestamp_seconds')})"
    return [
        [
            timeseries(
                "How long polls take",
                "By collector; what collectors share counts for the first of them. Rising: the database is slow, or has grown without an index.",
                query(f"max by (collector) ({own('scrape_collector_duration_seconds')})", "{{collector}}"),
                "s",
                stacked=True,
            ),
            timeseries(
                "Errors",
                "Polls that failed, by collector and reason. connect, lost: network or server; timeout: --database.query-timeout; privilege: grants.",
                query(errors, "{{collector}}: {{reason}}"),
                "none",
                bars=True,
                stacked=True,
                empty="No errors",
            ),
        ],
        [
            timeseries(
                "Age of the data",
                "Time since each collector's last success. Beyond --collector.NAME.staleness its metrics vanish.",
                query(age, "{{collector}}"),
                "s",
                width=8,
            ),
            timeseries(
                "Rows read",
                "Rows fetched from the database per second. Peaks are recounts; a lasting rise: many jobs, or frequent roll-ups again.",
                query(f"sum by (collector) (rate({own('exporter_collector_rows_read_total')}[$__rate_interval]))", "{{collector}}"),
                "short",
                stacked=True,
                width=8,
            ),
            timeseries(
                "Series on the page",
                "By collector. Set Prometheus' sample_limit above their sum.",
                query(f"max by (collector) ({own('exporter_collector_series')})", "{{collector}}"),
                "short",
                stacked=True,
                width=8,
            ),
        ],
        [
            timeseries(
                "Memory",
                "Resident memory of the exporter.",
                query(f'process_resident_memory_bytes{{job=~"$job",instance=~"$instance"}}', "{{instance}}"),
                "bytes",
                width=8,
            ),
            timeseries(
                "CPU",
                "Of one core, averaged.",
                query(f'rate(process_cpu_seconds_total{{job=~"$job",instance=~"$instance"}}[$__rate_interval])', "{{instance}}"),
                "percentunit",
                width=8,
            ),
            timeseries(
                "Scrapes answered",
                "Requests per second by HTTP status. 503: more than --web.max-requests at the same time.",
                query(f"sum by (code) (rate({own('exporter_http_requests_total')}[$__rate_interval]))", "{{code}}"),
                "reqps",
                stacked=True,
                width=8,
            ),
        ],
    ]


def build() -> Json:
    return table(
        "Exporters",
        "Which version runs where. Two exporters on one database publish the same series; that is intended.",
        query(own("exporter_build_info"), table=True),
        [
            Column("instance", "Exporter"),
            Column("version", "Version"),
            Column("revision", "Revision"),
            Column("compiler", "Compiler"),
        ],
        height=4,
    )


def dashboard() -> Json:
    return board(
        common.EXPORTER,
        "Slurm accounting: exporter",
        "Does the exporter read the database, how long does it take, what fails, how much does it publish?",
        common.variables()[:1]
        + [
            labels_of("job", "Job", "slurmdbd_exporter_build_info, job"),
            labels_of("instance", "Exporter", 'slurmdbd_exporter_build_info{job=~"$job"}, instance'),
        ],
        [glance(), [collectors()], *over_time(), [build()]],
    )
