"""`nacre hub check`: what is wrong with the configuration, or what it comes to.

Owns: the words. Must not know: what a configuration is. It makes nothing and changes nothing.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nacre.cli.parser import Commands, add_command

if TYPE_CHECKING:
    from nacre.hub.config import ConfigProblem, HubConfig
    from nacre.hub.paths import StatePaths

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "check", "look for mistakes in the configuration", _check)


def _isolation(config: HubConfig, paths: StatePaths, problems: list[ConfigProblem]) -> str:
    """Return how users would be kept apart, or add to the problems."""
    from nacre.hub.config import ConfigProblem
    from nacre.hub.isolation import choose
    from nacre.hub.problem import HubProblem

    if paths.as_root and not paths.homes.is_dir():
        # Whether users reach their homes can be told once there are homes.
        return "uid (to be tried at the first start)"
    try:
        isolation = choose(config.isolation, paths)
    except HubProblem as problem:
        file = "isolation" if config.file is None else str(config.file)
        problems.append(ConfigProblem(file, None, problem.what, problem.remedy))
        return "none"
    return (
        isolation.mode.value if isolation.notice is None else f"{isolation.mode.value} ({isolation.notice})"
    )


def _uids(config: HubConfig, paths: StatePaths, problems: list[ConfigProblem]) -> HubConfig:
    """Return the configuration with the uids that the state has or would get, or add to the problems."""
    from dataclasses import replace

    from nacre.hub.config import ConfigProblem
    from nacre.hub.ground import StateUids
    from nacre.hub.problem import StateError
    from nacre.hub.state import glance_at_uids

    if not paths.as_root:
        return config
    try:
        return replace(config, uid_range=StateUids(paths, config).preview(glance_at_uids(paths)))
    except StateError as problem:
        file = "uid_range" if config.file is None else str(config.file)
        problems.append(ConfigProblem(file, None, problem.what, problem.remedy))
        return config


def _check(options: argparse.Namespace) -> int:
    from nacre.cli.backend import state_paths
    from nacre.cli.output import say
    from nacre.hub import apps as app_catalogue
    from nacre.hub.config import ConfigError, describe, examine
    from nacre.hub.ground import find_config

    paths = state_paths(options)
    file = find_config(getattr(options, "config", None), paths)
    config, problems = examine(file)
    try:
        apps = app_catalogue.catalogue(config)
        problems += app_catalogue.problems(config, apps)
    except ConfigError as error:
        apps = ()
        problems += error.problems
    try:
        config.resolve()
    except ConfigError as error:
        problems += error.problems
    isolation = _isolation(config, paths, problems)
    config = _uids(config, paths, problems)
    if problems:
        for problem in problems:
            say(str(problem))
        return 1
    say(f"configuration is fine: {'defaults alone' if file is None else file}")
    say(f"state = {paths.root}")
    for line in describe(config):
        say(line)
    say(f"isolation in effect: {isolation}")
    say("apps: " + "  ".join(map(str, apps)))
    return 0
