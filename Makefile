# Short names for what a developer types most.
.PHONY: check test fmt lint openapi run

check: ## everything that must hold before a change lands
	.ci/run

test:
	cargo test --workspace

fmt:
	cargo fmt --all

lint:
	cargo clippy --workspace --all-targets -- -D warnings

openapi: ## after a change of a route or of what it answers
	cargo run --quiet -p local -- openapi >openapi.json.new
	mv openapi.json.new openapi.json

run:
	cargo run -p local
