# What make images and make push-images build, for both platforms at once.
variable "REGISTRY" { default = "" }
variable "TAGS" { default = "stable" }
variable "PLATFORMS" { default = "linux/amd64,linux/arm64" }
variable "MEMOS_IMAGE_TAG" { default = "0.30.0" }

group "default" { targets = ["memos", "memos-memogram"] }

target "ls-s6" {
  dockerfile = "Dockerfile.ls-s6"
  target     = "ls-s6"
  platforms  = split(",", PLATFORMS)
}

target "memos" {
  dockerfile = "Dockerfile.memos"
  platforms  = split(",", PLATFORMS)
  contexts   = { ls-s6 = "target:ls-s6" }
  args       = { MEMOS_IMAGE_TAG = MEMOS_IMAGE_TAG, USE_MEMOGRAM = "0" }
  tags       = [for t in split(",", TAGS) : "${REGISTRY}memos-ls-s6:${t}"]
}

target "memos-memogram" {
  inherits = ["memos"]
  args     = { USE_MEMOGRAM = "1" }
  tags     = [for t in split(",", TAGS) : "${REGISTRY}memos-ls-s6:${t}-memogram"]
}
