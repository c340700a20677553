# Network meta-analysis by two other ways, on the networks of contrasts.csv: metafor's rma.mv on one covariance block a study (common effect, REML),
# and base R on all pairs with reduced weights (Q and DerSimonian-Laird). Usage: Rscript peer.R contrasts.csv ours.csv out.csv
suppressPackageStartupMessages(library(metafor))
given <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(given[1], colClasses = c(study = "character", treat1 = "character", treat2 = "character"))
ours <- read.csv(given[2])

pinv <- function(a) {
  s <- svd(a)
  keep <- s$d > max(s$d) * 1e-11
  s$v[, keep, drop = FALSE] %*% (t(s$u[, keep, drop = FALSE]) / s$d[keep])
}

# One study as p x p matrices of effects and variances.
square <- function(d) {
  arms <- sort(unique(c(d$treat1, d$treat2)))
  y <- v <- matrix(0, length(arms), length(arms), dimnames = list(arms, arms))
  for (i in seq_len(nrow(d))) {
    a <- d$treat1[i]; b <- d$treat2[i]
    y[a, b] <- d$effect[i]; y[b, a] <- -d$effect[i]
    v[a, b] <- v[b, a] <- d$se[i]^2
  }
  list(arms = arms, y = y, v = v)
}

blocks <- function(studies, treatments) {
  x <- y <- cov <- study <- arm <- NULL
  for (s in names(studies)) {
    m <- studies[[s]]; p <- length(m$arms)
    own <- matrix(0, p - 1, length(treatments), dimnames = list(NULL, treatments))
    for (j in 2:p) { own[j - 1, m$arms[j]] <- 1; own[j - 1, m$arms[1]] <- -1 }
    shared <- outer(2:p, 2:p, Vectorize(function(j, k) (m$v[1, j] + m$v[1, k] - m$v[j, k]) / 2))
    x <- rbind(x, own); y <- c(y, m$y[2:p, 1]); cov <- c(cov, list(shared))
    study <- c(study, rep(s, p - 1)); arm <- c(arm, 2:p)
  }
  list(x = x[, -1, drop = FALSE], y = y, v = bldiag(cov), study = study, arm = arm)
}

# Reduced weights of all pairs of a study, by the pseudo-inverse of its centred variances.
pairwise <- function(studies, treatments, tau2) {
  b <- w <- y <- study <- NULL
  for (s in names(studies)) {
    m <- studies[[s]]; p <- length(m$arms)
    r <- m$v + tau2 * (1 - diag(p)); j <- matrix(1, p, p)
    l <- pinv(-0.5 * (r - (j %*% r + r %*% j) / p + j %*% r %*% j / p^2))
    for (i in 1:(p - 1)) for (k in (i + 1):p) {
      e <- setNames(numeric(length(treatments)), treatments); e[m$arms[i]] <- 1; e[m$arms[k]] <- -1
      b <- rbind(b, e); w <- c(w, -l[i, k]); y <- c(y, m$y[i, k]); study <- c(study, s)
    }
  }
  list(b = b, w = w, y = y, study = study)
}

dl <- function(studies, treatments) {
  m <- pairwise(studies, treatments, 0)
  h <- m$b %*% pinv(t(m$b) %*% (m$w * m$b)) %*% t(m$b * m$w)
  q <- sum(m$w * (m$y - h %*% m$y)^2)
  df <- sum(sapply(studies, function(s) length(s$arms) - 1)) - (length(treatments) - 1)
  u <- 0.5 * (m$b %*% t(m$b)) * outer(m$study, m$study, "==")
  for (s in names(studies)) if (length(studies[[s]]$arms) == 2) u[m$study == s, m$study == s] <- 1
  denominator <- sum(diag((diag(length(m$y)) - h) %*% u %*% diag(m$w, length(m$w))))
  list(q = q, tau2 = if (df > 0) max(0, (q - df) / denominator) else 0)
}

out <- NULL
for (id in unique(rows$network)) {
  d <- rows[rows$network == id, ]
  studies <- lapply(split(d, factor(d$study, unique(d$study))), square)
  treatments <- sort(unique(c(d$treat1, d$treat2)))
  m <- blocks(studies, treatments)
  common <- rma.mv(m$y, m$v, mods = m$x, intercept = FALSE, sparse = FALSE)
  moments <- dl(studies, treatments)
  df <- length(m$y) - (length(treatments) - 1)
  reml <- at_ours <- NULL
  if (df > 0) {
    frame <- data.frame(study = m$study, arm = factor(m$arm))
    # nlminb stops with "false convergence" on a flat top: then again with wider tolerances
    fit <- function(tau2) {
      for (tolerance in c(1e-12, 1e-10, 1e-8)) {
        found <- tryCatch(rma.mv(m$y, m$v, mods = m$x, intercept = FALSE, random = ~ arm | study, struct = "CS", rho = 0.5, tau2 = tau2,
          data = frame, control = list(rel.tol = tolerance)), error = function(e) conditionMessage(e))
        if (!is.character(found)) return(found)
      }
      message("network ", id, ": ", found)
      NULL
    }
    reml <- fit(NA); at_ours <- fit(ours$tau2_reml[ours$network == id])
  }
  line <- data.frame(network = id, treatment = treatments[-1], common = c(common$b), common_se = common$se, q = common$QE, q_pairs = moments$q, tau2_dl = moments$tau2,
    tau2_reml = if (is.null(reml)) NA else reml$tau2, reml = if (is.null(reml)) NA else c(reml$b), reml_se = if (is.null(reml)) NA else reml$se,
    loglik = if (is.null(reml)) NA else c(logLik(reml)), loglik_ours = if (is.null(at_ours)) NA else c(logLik(at_ours)),
    at_ours = if (is.null(at_ours)) NA else c(at_ours$b), at_ours_se = if (is.null(at_ours)) NA else at_ours$se)
  out <- rbind(out, line)
}
write.csv(format(out, digits = 17), given[3], row.names = FALSE, quote = FALSE)
cat(as.character(packageVersion("metafor")))
