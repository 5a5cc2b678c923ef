# SPDX-License-Identifier: Apache-2.0
"""Starts proxies side by side, puts load on them and writes down what it cost them."""
