"""Wrong config files, and every line each of them gets: name -> (text, lines without the file's name)."""

from __future__ import annotations

GPT = """\
[endpoints.gpt]
protocol = "openai-chat"
url = "https://api.openai.com/v1"
model = "gpt-6-luna"
"""
SUITE = "[suites.capability]\n"
GOOD = GPT + SUITE
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz"
ONLY_FROM = "keys only from the environment or a file: take it out and use key_env or key_file"
ENVIRON = {"OTHER_API_KEY": "a-key-in-no-known-form"}


def with_url(url: str, protocol: str = "openai-chat") -> str:
    return f'[endpoints.gpt]\nprotocol = "{protocol}"\nurl = "{url}"\nmodel = "m"\nkey_env = "K"\n{SUITE}'


def cron_mistake(cron: str) -> str | None:
    return "it never comes due" if cron == "0 0 31 2 *" else None


MISTAKES: dict[str, tuple[str, list[str]]] = {
    # --- the schema: unknown keys, types, ranges ---
    "unknown key": (
        GPT + 'modle = "x"\n' + SUITE,
        ['endpoints.gpt.modle is not a key of this section, got "x" (fix: did you mean model?)'],
    ),
    "key of a deeper section": (
        GPT + "requests_per_minute = 5\ntemperature = 1\n" + SUITE,
        [
            "endpoints.gpt.requests_per_minute is not a key of this section, got 5 "
            "(fix: put it under [endpoints.gpt.limits])",
            "endpoints.gpt.temperature is not a key of this section, got 1 "
            "(fix: put it under [endpoints.gpt.parameters])",
        ],
    ),
    "another tool's key": (
        GPT + 'base_url = "y"\n' + SUITE,
        ['endpoints.gpt.base_url is not a key of this section, got "y" (fix: did you mean url?)'],
    ),
    "unknown section": (
        GOOD + "[endpoint.x]\n[budgets]\nfoo = 1\n",
        [
            "endpoint is not a section (fix: did you mean endpoints?)",
            "budgets.foo is not a key of this section, got 1 (fix: remove it; known here: usd_per_run, "
            "usd_per_day, usd_per_month, calls_per_run, calls_per_day)",
        ],
    ),
    "out of range": (
        GPT + "[endpoints.gpt.limits]\nrequests_per_minute = -1\nattempts = 99\ntimeout_s = nan\n" + SUITE,
        [
            "endpoints.gpt.limits.requests_per_minute must be > 0, got -1 "
            "(fix: use a number above 0, or leave it out)",
            "endpoints.gpt.limits.attempts must be <= 20, got 99 "
            "(fix: use a number of at most 20, or leave it out for the default, 4)",
            "endpoints.gpt.limits.timeout_s must be a finite number, got nan "
            "(fix: write a number, or leave it out for the default, 120)",
        ],
    ),
    "wrong types": (
        GPT + 'stream = "yes"\nkey_env = 3\n[endpoints.gpt.limits]\nconcurrency = 4.5\nattempts = "3"\n' + SUITE,
        [
            'endpoints.gpt.stream must be true or false, got "yes" (fix: write true, without quotes)',
            'endpoints.gpt.key_env must be text, got 3 (fix: write it in quotes, "3")',
            "endpoints.gpt.limits.concurrency must be a whole number, got 4.5 "
            "(fix: write a whole number, or leave it out for the default, 4)",
            'endpoints.gpt.limits.attempts must be a whole number, got "3" (fix: write it without quotes, 3)',
        ],
    ),
    "missing keys": (
        "[endpoints.gpt]\n[suites.capability]\n[schedules.daily]\n",
        [
            'endpoints.gpt.protocol is missing (fix: add protocol = "openai-chat" under [endpoints.gpt])',
            'endpoints.gpt.model is missing (fix: add model = "gpt-6-luna" under [endpoints.gpt])',
            'endpoints.gpt.url is missing (fix: add url = "https://api.openai.com/v1" (or the like) under '
            "[endpoints.gpt], or use launch)",
            'schedules.daily.cron is missing (fix: add cron = "17 6 * * *" under [schedules.daily])',
        ],
    ),
    "missing sections": (
        "[run]\nseed = 1\n",
        [
            "endpoints is missing (fix: add a table [endpoints.NAME]; `harness init` writes an example)",
            "suites is missing (fix: add a table [suites.NAME]; `harness init` writes an example)",
        ],
    ),
    "empty and wrong sections": (
        "suites = 3\n[endpoints]\n",
        [
            "suites must be a table, got 3 (fix: write [suites.NAME])",
            "endpoints is empty (fix: add a table [endpoints.NAME]; `harness init` writes an example)",
        ],
    ),
    "unknown protocol": (
        GOOD.replace("openai-chat", "openai"),
        [
            "endpoints.gpt.protocol must be one of openai-chat, openai-responses, anthropic-messages, gemini, "
            'got "openai" (fix: did you mean "openai-chat"?)'
        ],
    ),
    "empty model": (
        GOOD.replace("gpt-6-luna", ""),
        ['endpoints.gpt.model must not be empty, got "" (fix: write one, such as "gpt-6-luna")'],
    ),
    "unusable name": (
        GOOD.replace("endpoints.gpt", 'endpoints."g p/t"'),
        [
            "endpoints.\"g p/t\" is not a usable name (fix: use letters, digits, '.', '_' and '-', at most 64, "
            "a letter or digit first)"
        ],
    ),
    "no samples": (
        GOOD + "samples = 0\n",
        [
            "suites.capability.samples must be >= 1, got 0 "
            "(fix: use a number of at least 1, or leave it out for the default, 1)"
        ],
    ),
    "long value with control characters": (
        GOOD.replace("openai-chat", "\\u001b[2J\\n" + "x " * 80),
        [
            "endpoints.gpt.protocol must be one of openai-chat, openai-responses, anthropic-messages, gemini, "
            'got "\\u001b[2J\\n' + "x " * 27 + "…\" (fix: use one of them)"
        ],
    ),
    # --- names across sections ---
    "unknown endpoint and empty list": (
        GOOD + 'endpoints = ["gtp", "gpt", "gpt"]\n[suites.b]\nendpoints = []\n',
        [
            'suites.capability.endpoints names "gtp", which is not in [endpoints] (fix: did you mean "gpt"?)',
            'suites.capability.endpoints names "gpt" twice (fix: keep one of the two)',
            "suites.b.endpoints must not be an empty list "
            "(fix: name at least one, or leave it out to mean all of them)",
        ],
    ),
    "schedule of an unknown suite": (
        GOOD + '[schedules.d]\ncron = "1 1 * * *"\nsuites = ["zz"]\nendpoints = "gpt"\n',
        [
            'schedules.d.suites names "zz", which is not in [suites] (fix: there are: capability)',
            'schedules.d.endpoints must be a list, got "gpt" (fix: write a list, ["gpt"])',
        ],
    ),
    "schedule that asks nothing": (
        GPT + GPT.replace(".gpt]", ".b]") + SUITE + 'endpoints = ["b"]\n'
        '[schedules.d]\ncron = "1 1 * * *"\nendpoints = ["gpt"]\n',
        [
            "schedules.d asks nothing: none of its suites is asked of any of its endpoints "
            "(fix: correct its suites or endpoints, or those of [suites.NAME])"
        ],
    ),
    "unknown vantage": (
        GPT + 'vantage = "home"\n' + SUITE,
        ['endpoints.gpt.vantage names "home", which is not in [vantages] (fix: add [vantages.NAME])'],
    ),
    "names differing in case": (
        GOOD + GPT.replace(".gpt]", ".GPT]"),
        ["endpoints.GPT differs from endpoints.gpt only in case (fix: rename one)"],
    ),
    # --- cron ---
    "cron lines": (
        GOOD + '[schedules.a]\ncron = "@daily"\n[schedules.b]\ncron = "0 0 31 2 *"\n',
        [
            'schedules.a.cron must have five fields, got 1: "@daily" '
            '(fix: minute hour day month weekday, such as "17 6 * * *" for daily at 06:17 UTC)',
            'schedules.b.cron is not a usable cron line, got "0 0 31 2 *": it never comes due '
            '(fix: write it like "17 6 * * *", daily at 06:17 UTC)',
        ],
    ),
    # --- addresses ---
    "URL without scheme": (
        with_url("api.openai.com/v1"),
        ['endpoints.gpt.url has no scheme, got "api.openai.com/v1" (fix: begin it with https://)'],
    ),
    "URL of another scheme": (
        with_url("ftp://files.host/v1"),
        ['endpoints.gpt.url has the scheme ftp, got "ftp://files.host/v1" (fix: use one of http://, https://)'],
    ),
    "URL with a password": (
        with_url("https://me:hunter2@gate.host/v1"),
        [
            "endpoints.gpt.url has a user name or password in it, got \"https://<hidden>@gate.host/v1\" "
            "(fix: take it out and put the key in key_env)"
        ],
    ),
    "URL with a key in its query": (
        with_url("https://gate.host/v1?key=hunter2"),
        [
            'endpoints.gpt.url has a query, got "https://gate.host/v1?key=<hidden>" (fix: leave out everything '
            "from the ?; a key belongs in key_env, other settings in body)"
        ],
    ),
    "URL of the operation": (
        with_url("https://gate.host/api/v1/chat/completions"),
        [
            "endpoints.gpt.url ends in /v1/chat/completions, which harness adds itself, got "
            '"https://gate.host/api/v1/chat/completions" (fix: write "https://gate.host/api/v1")'
        ],
    ),
    "URL of Anthropic's operation": (
        with_url("https://api.anthropic.com/v1/messages", "anthropic-messages"),
        [
            "endpoints.gpt.url ends in /v1/messages, which harness adds itself, got "
            '"https://api.anthropic.com/v1/messages" (fix: write "https://api.anthropic.com")'
        ],
    ),
    "URL of Anthropic's version": (
        with_url("https://gate.host/v1", "anthropic-messages"),
        [
            'endpoints.gpt.url ends in /v1, which harness adds itself, got "https://gate.host/v1" '
            '(fix: write "https://gate.host")'
        ],
    ),
    "URL of a provider without its path": (
        with_url("https://api.openai.com"),
        [
            "endpoints.gpt.url is not this provider's base URL, got \"https://api.openai.com\" "
            '(fix: write "https://api.openai.com/v1")'
        ],
    ),
    "URL of another protocol": (
        with_url("https://api.openai.com/v1", "gemini"),
        [
            'endpoints.gpt.url is not spoken to in gemini, got "https://api.openai.com/v1" '
            '(fix: set protocol = "openai-chat")'
        ],
    ),
    "URL with a placeholder": (
        with_url("https://<your-resource>.openai.azure.com/openai/v1"),
        [
            "endpoints.gpt.url still has the placeholder <your-resource>, got "
            '"https://<your-resource>.openai.azure.com/openai/v1" (fix: put your own value there)'
        ],
    ),
    "URL with a space": (
        with_url("https://gate.host/v1 "),
        [
            'endpoints.gpt.url has a space or control character in it, got "https://gate.host/v1 " '
            "(fix: remove it)"
        ],
    ),
    "URL that is none": (
        with_url("http://[::1/v1"),
        ['endpoints.gpt.url is not a URL, got "http://[::1/v1" (fix: write it like https://api.openai.com/v1)'],
    ),
    "key over http": (
        with_url("http://gate.host/v1"),
        [
            'endpoints.gpt.url would send the key unencrypted, got "http://gate.host/v1" '
            "(fix: begin it with https://, or take the key away)"
        ],
    ),
    "launch and address": (
        GPT + 'key_env = "K"\nlaunch = {}\n' + SUITE,
        [
            "endpoints.gpt.url cannot be set together with launch "
            "(fix: remove it: a launched server has its own address)",
            "endpoints.gpt.key_env cannot be set together with launch "
            "(fix: remove it: a launched server needs none)",
        ],
    ),
    "proxies": (
        GPT + 'proxy = "socks5://127.0.0.1:9"\nproxy_env = "MY PROXY"\n' + SUITE,
        [
            'endpoints.gpt.proxy has the scheme socks5, got "socks5://127.0.0.1:9" '
            "(fix: use one of http://, https://)",
            'endpoints.gpt.proxy_env must be the name of an environment variable, got "MY PROXY" '
            "(fix: write the variable's name, not the value itself)",
            "endpoints.gpt.proxy_env and proxy are both set (fix: keep one of the two)",
        ],
    ),
    # --- keys in the file ---
    "key and key file": (
        GPT + 'key_env = "K"\nkey_file = "k"\n' + SUITE,
        ["endpoints.gpt.key_file and key_env are both set (fix: keep one of the two)"],
    ),
    "key under a key of its own": (
        GPT + 'api_key = "hunter2"\n' + SUITE,
        [
            "endpoints.gpt.api_key is not a key of this section (fix: keys come only from the environment or "
            "a file: name them with key_env or key_file)"
        ],
    ),
    "key for its variable": (
        GPT + f'key_env = "{KEY}"\n' + SUITE,
        [f"endpoints.gpt.key_env looks like a key, <hidden, 34 characters> (fix: {ONLY_FROM})"],
    ),
    "keys in headers, body and parameters": (
        GPT + 'headers = { Authorization = "Bearer hunter2", X-Trace = "a" }\n'
        f'body = {{ user = "{KEY}", api_key = "hunter2" }}\n' + SUITE,
        [
            f"endpoints.gpt.headers.Authorization would hold a key (fix: {ONLY_FROM})",
            f"endpoints.gpt.body.user looks like a key, <hidden, 34 characters> (fix: {ONLY_FROM})",
            f"endpoints.gpt.body.api_key would hold a key (fix: {ONLY_FROM})",
        ],
    ),
    "key pasted from the environment": (
        GPT + 'body = { user = "my a-key-in-no-known-form" }\n' + SUITE,
        [f"endpoints.gpt.body.user holds the value of OTHER_API_KEY (fix: {ONLY_FROM})"],
    ),
    # --- what is sent ---
    "parameters": (
        GPT + "[endpoints.gpt.parameters]\ntemperature = 3\ntop_p = -0.1\nmax_tokens = 0\ntop_k = 1.5\n"
        'seed = "x"\nn = 2\nlogprobs = 5\nstop = 3\nmin_p = inf\n' + SUITE,
        [
            "endpoints.gpt.parameters.temperature must be between 0 and 2, got 3 (fix: use a number from 0 to 2)",
            "endpoints.gpt.parameters.top_p must be between 0 and 1, got -0.1 (fix: use a number from 0 to 1)",
            "endpoints.gpt.parameters.max_tokens must be >= 1, got 0 (fix: use a number of 1 or more)",
            "endpoints.gpt.parameters.top_k must be a whole number, got 1.5 (fix: use a number of -1 or more)",
            'endpoints.gpt.parameters.seed must be a whole number or false, got "x" (fix: use a whole number, '
            "false to send none, or leave it out for one derived per call)",
            "endpoints.gpt.parameters.n cannot be set, got 2 "
            "(fix: ask more than once with samples in [suites.NAME])",
            "endpoints.gpt.parameters.logprobs must be true or false, got 5 (fix: how many is set by top_logprobs)",
            'endpoints.gpt.parameters.stop must be text or a list of texts, got 3 (fix: write stop = ["END"])',
            "endpoints.gpt.parameters.min_p must be a finite number, got inf "
            "(fix: JSON has no word for it; write a number)",
        ],
    ),
    "Anthropic's temperature": (
        with_url("https://api.anthropic.com", "anthropic-messages").replace(
            SUITE, "parameters = { temperature = 1.5 }\n" + SUITE
        ),
        ["endpoints.gpt.parameters.temperature must be between 0 and 1, got 1.5 (fix: use a number from 0 to 1)"],
    ),
    "body": (
        GPT + "body = { messages = [], x = [1, nan], since = 1979-05-27 }\n" + SUITE,
        [
            "endpoints.gpt.body.messages cannot be set here (fix: probes bring their own; remove it)",
            "endpoints.gpt.body.x[1] must be a finite number, got nan "
            "(fix: JSON has no word for it; write a number)",
            "endpoints.gpt.body.since has no JSON form, got 1979-05-27 (fix: write it in quotes, \"1979-05-27\")",
        ],
    ),
    "headers": (
        GPT + 'headers = { "b c" = "1", X-A = "a\\nb", x-a = "c", Content-Length = "3", N = 1 }\n' + SUITE,
        [
            "endpoints.gpt.headers.\"b c\" is not a header name (fix: use letters, digits and '-')",
            "endpoints.gpt.headers.X-A has a control or non-ASCII character in it "
            "(fix: HTTP headers are plain ASCII; remove it)",
            "endpoints.gpt.headers.x-a is the same header as X-A (fix: keep one of the two)",
            "endpoints.gpt.headers.Content-Length is written by harness itself (fix: remove it)",
            'endpoints.gpt.headers.N must be text, got 1 (fix: write it in quotes, "1")',
        ],
    ),
    "backoff and LoRA": (
        GPT.replace('url = "https://api.openai.com/v1"\n', "launch = { lora_scale = 1.5 }\n")
        + "limits = { backoff_s = 9, backoff_max_s = 3 }\n" + SUITE,
        [
            "endpoints.gpt.launch.lora_scale is set without lora (fix: name the adapter's file in lora)",
            "endpoints.gpt.limits.backoff_max_s must not be below backoff_s, 9, got 3 "
            "(fix: raise it, or lower backoff_s)",
        ],
    ),
    # --- money, places, people ---
    "budget without prices": (
        GOOD + "[budgets]\nusd_per_day = 5\ncalls_per_run = -1\n",
        [
            "endpoints.gpt.prices.input_usd_per_mtok is missing: budgets.usd_per_day cannot hold without it "
            "(fix: add it under [endpoints.gpt.prices]; 0 means free)",
            "endpoints.gpt.prices.output_usd_per_mtok is missing: budgets.usd_per_day cannot hold without it "
            "(fix: add it under [endpoints.gpt.prices]; 0 means free)",
            "budgets.calls_per_run must be >= 0, got -1 (fix: use a number of at least 0, or leave it out)",
        ],
    ),
    "storage in wrong places": (
        GOOD + '[storage]\ndatabase = "."\nresults = "~/results"\n',
        [
            'storage.database is a folder, got "." (fix: name a file in it, "./harness.db")',
            'storage.results begins with ~, which is not expanded, got "~/results" (fix: write the whole path)',
        ],
    ),
    "storage below a file": (
        GOOD + '[storage]\ndatabase = "config.toml/x.db"\nresults = "config.toml"\n',
        [
            'storage.database lies in config.toml, which is a file, not a folder, got "config.toml/x.db" '
            "(fix: choose another)",
            'storage.results is a file, not a folder, got "config.toml" (fix: name a folder)',
        ],
    ),
    "storage at a URL": (
        GOOD + '[storage]\ndatabase = "sqlite:///x.db"\nresults = "a\\u0000b"\n',
        [
            'storage.database is a URL, got "sqlite:///x.db" (fix: write a path; the database is an SQLite file)',
            'storage.results has a control character in it, got "a\\u0000b" (fix: remove it)',
        ],
    ),
    "storage in one place": (
        GOOD + '[storage]\ndatabase = "out"\nresults = "out"\n',
        ['storage.database and results are the same, "out" (fix: give them two names)'],
    ),
    "alerts": (
        GOOD + '[alerts]\nurls_env = "slack://hunter2"\non = ["denied", "down"]\ncoverage_below = 90\n',
        [
            "alerts.urls_env must be the name of an environment variable "
            "(fix: write the variable's name, not the URLs themselves)",
            'alerts.on[1] must be one of incomplete, denied, budget, finding, got "down" (fix: use one of them)',
            "alerts.coverage_below must be <= 1, got 90 "
            "(fix: use a number of at most 1, or leave it out for the default, 0.9)",
        ],
    ),
    "custody": (
        GOOD + '[custody]\nkey = "~/key.pem"\ntimestamp_url = "freetsa.org"\n',
        [
            'custody.key begins with ~, which is not expanded, got "~/key.pem" (fix: write the whole path of a file)',
            'custody.timestamp_url is not the URL of a service, got "freetsa.org" '
            "(fix: write it like https://freetsa.org/tsr)",
            "custody.timestamp_ca is missing, so a timestamp could not be checked "
            "(fix: save the service's root certificate (PEM) and name the file)",
        ],
    ),
    # --- lines that cannot be read, without hiding the others ---
    "words without quotes": (
        '[endpoints.gpt]\nprotocol = "openai-chat"\nmodel = gpt-4o\nstream = True\nurl =\n' + SUITE + "samples = 0\n",
        [
            "line 3: endpoints.gpt.model has a value that cannot be read, got gpt-4o "
            '(fix: put text in quotes: model = "gpt-4o")',
            "line 4: endpoints.gpt.stream has a value that cannot be read, got True (fix: write stream = true)",
            "line 5: endpoints.gpt.url has no value (fix: write url = VALUE, or remove the line)",
            "suites.capability.samples must be >= 1, got 0 "
            "(fix: use a number of at least 1, or leave it out for the default, 1)",
        ],
    ),
    "everything twice": (
        GOOD + "samples = 3\nsamples = 4\n" + GPT.replace("gpt-6-luna", "") + "limits = { attempts = 1 }\n"
        "[endpoints.gpt.limits]\nattempts = 2\n[suites.capability]\nsamples = 0\n",
        [
            "line 7: suites.capability.samples is set a second time (fix: keep one of the two)",
            "line 8: [endpoints.gpt] is declared a second time (fix: merge the two, or rename one)",
            "line 15: [suites.capability] is declared a second time (fix: merge the two, or rename one)",
            'endpoints.gpt (second).model must not be empty, got "" (fix: write one, such as "gpt-6-luna")',
            "suites.capability (second).samples must be >= 1, got 0 "
            "(fix: use a number of at least 1, or leave it out for the default, 1)",
        ],
    ),
    "YAML": (
        GOOD + "samples: 3\npath\n",
        [
            "line 6: suites.capability.samples is followed by a colon (fix: write samples = ...)",
            "line 7: is neither a table nor a key with a value, got path "
            "(fix: write key = value, [table], or # and a comment)",
        ],
    ),
    "no closing bracket": (
        GOOD.replace("[endpoints.gpt]", "[endpoints.gpt").replace("gpt-6-luna", ""),
        [
            "line 1: [endpoints.gpt has no closing bracket (fix: write [endpoints.gpt])",
            'endpoints.gpt.model must not be empty, got "" (fix: write one, such as "gpt-6-luna")',
        ],
    ),
    "backslashes": (
        GOOD + 'path = "C:\\probes"\n',
        [
            'line 6: suites.capability.path has a value that cannot be read, got "C:\\probes" '
            "(fix: write path with single quotes, 'C:\\like\\this', or double every backslash)"
        ],
    ),
    "a key that cannot be read": (
        GPT + f"api_key = {KEY}\n" + SUITE,
        [
            "line 5: endpoints.gpt.api_key has a value that cannot be read "
            '(fix: put text in quotes: api_key = "<hidden, 34 characters>")',
            "endpoints.gpt.api_key is not a key of this section (fix: keys come only from the environment or a "
            "file: name them with key_env or key_file)",
        ],
    ),
    "one key twice in a line": (
        GPT + "limits = { attempts = 1, attempts = 2 }\n" + SUITE,
        ["line 5: endpoints.gpt.limits has one key twice (fix: keep one of the two)"],
    ),
    "an open list": (
        GOOD + 'endpoints = ["gpt"\n',
        ["end of file: Unclosed array (fix: close what was opened: a list, a table or a text)"],
    ),
    "too deep": (
        "a" + ".a" * 3000 + " = 1\n",
        ["a has more than 20 tables or lists inside one another (fix: flatten it)"],
    ),
    "a huge number": (
        "a = " + "9" * 5000 + "\n",
        ["has a number with thousands of digits (fix: shorten it)"],
    ),
}  # fmt: skip
