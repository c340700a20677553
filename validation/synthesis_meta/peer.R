# Fits every data set of in.csv with metafor and lme4 and writes out.csv: family, set, quantity, value.
suppressMessages({library(metafor); library(lme4)})
args <- commandArgs(TRUE)
d <- read.csv(args[1]); out <- list()
put <- function(f, s, ...) { v <- c(...); out[[length(out) + 1]] <<- data.frame(family = f, set = s, quantity = names(v), value = as.numeric(v)) }
quiet <- function(e) suppressWarnings(suppressMessages(try(e, silent = TRUE)))
tight <- glmerControl(tolPwrss = 1e-12, optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), check.conv.singular = "ignore")
for (key in unique(paste(d$family, d$set))) {
  s <- d[paste(d$family, d$set) == key, ]; f <- s$family[1]; i <- s$set[1]; k <- nrow(s)
  if (f %in% c("proportion", "rate")) {
    m <- quiet(if (f == "proportion") rma.glmm(measure = "PLO", xi = a, ni = b, data = s, nAGQ = 7) else rma.glmm(measure = "IRLN", xi = a, ti = b, data = s, nAGQ = 7))
    if (!inherits(m, "try-error")) put(f, i, mu = m$beta[1], se = m$se, tau2 = m$tau2, q_lrt = m$QE.LRT)
    s$id <- factor(seq_len(k))
    t <- quiet(if (f == "proportion") glmer(cbind(a, b - a) ~ 1 + (1 | id), data = s, family = binomial, nAGQ = 7, control = tight)
               else glmer(a ~ 1 + offset(log(b)) + (1 | id), data = s, family = poisson, nAGQ = 7, control = tight))
    if (!inherits(t, "try-error")) put(f, i, tight_mu = fixef(t)[[1]], tight_se = sqrt(vcov(t)[1, 1]), tight_tau2 = VarCorr(t)$id[1], deviance = t@devcomp$cmp[["dev"]])
  } else if (f == "effects") {
    for (m in c("DL", "REML", "PM", "ML", "HE", "HS", "SJ", "EB", "FE")) {
      r <- quiet(rma(a, b, data = s, method = m, control = list(maxiter = 10000, stepadj = 0.5, threshold = 1e-10, tol = 1e-10)))
      if (inherits(r, "try-error")) next
      v <- c(r$beta[1], r$se, r$tau2, r$I2); names(v) <- paste(m, c("mu", "se", "tau2", "i2"), sep = "_"); put(f, i, v)
      if (m == "REML") {
        h <- quiet(rma(a, b, data = s, method = m, test = "knha", control = list(maxiter = 10000, stepadj = 0.5, threshold = 1e-10)))
        if (!inherits(h, "try-error")) { p <- predict(h); put(f, i, hk_se = h$se, hk_low = h$ci.lb, hk_high = h$ci.ub, pi_low = p$pi.lb, pi_high = p$pi.ub, q = h$QE, log_q_p = log(h$QEp)) }
        c <- quiet(confint(r, control = list(tol = 1e-10, tau2.max = 1e6)))
        if (!inherits(c, "try-error")) put(f, i, qp_low = c$random[1, 2], qp_high = c$random[1, 3])
      }
    }
  } else if (f == "regression") {
    r <- quiet(rma(a, b, mods = ~c, data = s, method = "REML", test = "knha", control = list(maxiter = 10000, stepadj = 0.5, threshold = 1e-10)))
    if (!inherits(r, "try-error")) put(f, i, b0 = r$beta[1], b1 = r$beta[2], se0 = r$se[1], se1 = r$se[2], tau2 = r$tau2, qm = r$QM, p1 = r$pval[2])
  } else if (f == "table") {
    for (m in c("OR", "RR")) {
      es <- escalc(measure = m, ai = a, n1i = b, ci = c, n2i = e, data = s, drop00 = TRUE); es <- data.frame(yi = as.numeric(es$yi), vi = as.numeric(es$vi)); es <- es[!is.na(es$yi), ]
      r <- quiet(rma(yi, vi, data = es, method = "DL"))
      if (!inherits(r, "try-error")) { v <- c(r$beta[1], r$se, r$tau2, r$k); names(v) <- paste(m, c("mu", "se", "tau2", "k"), sep = "_"); put(f, i, v) }
      h <- quiet(rma.mh(measure = m, ai = a, n1i = b, ci = c, n2i = e, data = s, correct = FALSE))
      if (!inherits(h, "try-error")) { v <- c(h$beta[1], h$se); names(v) <- paste0("mh_", m, c("_mu", "_se")); put(f, i, v) }
    }
    p <- quiet(rma.peto(ai = a, n1i = b, ci = c, n2i = e, data = s))
    if (!inherits(p, "try-error")) put(f, i, peto_mu = coef(p)[[1]], peto_se = p$se)
  } else if (f == "conditional") {
    # needs r-cran-biasedurn and r-cran-numderiv beside r-cran-metafor
    m <- quiet(rma.glmm(measure = "OR", ai = a, n1i = b, ci = c, n2i = e, data = s, model = "CM.EL"))
    if (!inherits(m, "try-error")) put(f, i, mu = m$beta[1], se = m$se, tau2 = m$tau2)
  } else if (f == "interval") {
    put(f, i, low = binom.test(s$a[1], s$b[1])$conf.int[1], high = binom.test(s$a[1], s$b[1])$conf.int[2], rate_low = poisson.test(s$a[1], s$b[1])$conf.int[1], rate_high = poisson.test(s$a[1], s$b[1])$conf.int[2])
  }
}
o <- do.call(rbind, out); o$value <- format(o$value, digits = 15); write.csv(o, args[2], row.names = FALSE)
cat(paste(packageVersion("metafor"), packageVersion("lme4")))
