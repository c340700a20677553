# Two statements of docs/validation.md on R itself: Rscript validation/synthesis_meta/peer_claims.R > validation/synthesis_meta/peer_claims.json
# Coverage of pooled logits by metafor where the methods note stands apart (12 studies of 8 to 60, p 0.5, tau 0.7), and the unconditional odds ratio of oracle 01 by bobyqa.
suppressMessages({
  library(metafor)
  library(lme4)
})
set.seed(20261124)
replicates <- 12000
inside <- replicate(replicates, {
  n <- sample(8:60, 12, replace = TRUE)
  x <- rbinom(12, n, plogis(0.7 * rnorm(12)))
  fit <- function(test) rma(measure = "PLO", xi = x, ni = n, add = 0.5, to = "only0", test = test, control = list(maxiter = 1000, stepadj = 0.5))
  z <- tryCatch(fit("z"), error = function(e) NULL)
  if (is.null(z)) c(NA, NA) else {
    hk <- fit("knha")
    c(z$ci.lb <= 0 && 0 <= z$ci.ub, hk$ci.lb <= 0 && 0 <= hk$ci.ub)
  }
})
cover <- rowMeans(inside, na.rm = TRUE)
d <- read.csv("tests/oracles/data/evidence/01_nielweise2007_sparse_proportions.csv")
d <- d[d$ai + d$ci > 0, ] # studies without an event say nothing on a ratio
long <- data.frame(
  study = factor(rep(d$study, 2)), arm = rep(c(0.5, -0.5), each = nrow(d)),
  x = c(d$ai, d$ci), n = c(d$n1i, d$n2i), treated = rep(c(1, 0), each = nrow(d))
)
fit <- glmer(
  cbind(x, n - x) ~ -1 + study + treated + (arm - 1 | study),
  data = long, family = binomial, nAGQ = 7,
  control = glmerControl(tolPwrss = 1e-12, optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6), check.conv.singular = "ignore")
)
cat(sprintf(
  '{"metafor": "%s", "replicates": %d, "fitted": %d, "iv_z": %.4f, "iv_hk": %.4f, "bobyqa_mu": %.10f, "bobyqa_se": %.10f, "bobyqa_tau2": %.10f, "bobyqa_loglik": %.10f}\n',
  packageVersion("metafor"), replicates, sum(!is.na(inside[1, ])), cover[1], cover[2],
  fixef(fit)["treated"], sqrt(vcov(fit)["treated", "treated"]), VarCorr(fit)$study[1], as.numeric(logLik(fit))
))
