# Survival of the people in people.csv by R's survival package, one block of numbers a data set. Usage: Rscript peer.R people.csv sets.csv out.csv
suppressPackageStartupMessages(library(survival))
given <- commandArgs(trailingOnly = TRUE)
people <- read.csv(given[1])
sets <- read.csv(given[2])
out <- file(given[3], "w")
writeLines("set,quantity,values", out)
tell <- function(set, quantity, values) {
  writeLines(paste(set, quantity, paste(format(as.numeric(values), digits = 17, trim = TRUE), collapse = ";"), sep = ","), out)
}
exact <- coxph.control(eps = 1e-11, iter.max = 60, toler.inf = 1e-7)

for (i in sets$set) {
  d <- people[people$set == i, ]
  how <- sets[sets$set == i, ]
  d$e1 <- as.integer(d$event == 1)
  w <- if (how$weights) d$weight else rep(1, nrow(d))
  y <- if (how$entry) Surv(d$entry, d$time, d$e1) else Surv(d$time, d$e1)
  yfree <- if (how$entry) Surv(d$entry, d$time, d$event > 0) else Surv(d$time, d$event > 0)
  for (g in unique(d$group)) {
    k <- d$group == g
    yk <- yfree[k]
    f <- if (how$weights) survfit(yk ~ 1, weights = w[k], conf.type = "log-log") else survfit(yk ~ 1, conf.type = "log-log")
    s <- summary(f, times = f$time, censored = TRUE)
    tell(i, paste0("km_time_", g), f$time)
    tell(i, paste0("km_survival_", g), f$surv)
    tell(i, paste0("km_se_", g), s$std.err)
    tell(i, paste0("km_lower_", g), f$lower)
    tell(i, paste0("km_upper_", g), f$upper)
    tell(i, paste0("km_at_risk_", g), f$n.risk)
    q <- quantile(f, 0.5)
    tell(i, paste0("km_median_", g), c(q$quantile, q$lower, q$upper))
    if (!how$weights && !how$entry && max(f$time) * 0.8 > min(f$time)) {
      m <- summary(f, rmean = max(f$time) * 0.8)$table
      tell(i, paste0("rmst_", g), m[c("rmean", "se(rmean)")])
    }
    if (any(d$event[k] == 2) && !how$entry) {
      a <- survfit(Surv(d$time[k], factor(d$event[k], 0:2)) ~ 1, weights = w[k])
      tell(i, paste0("aj_incidence_", g), a$pstate[, 2:3])
      tell(i, paste0("aj_se_", g), a$std.err[, 2:3])
    }
  }
  if (length(unique(d$group)) > 1 && !how$entry && !how$weights && sum(d$e1) > 0) {
    for (rho in 0:1) {
      f <- try(if (how$strata) survdiff(y ~ group + strata(stratum), d, rho = rho) else survdiff(y ~ group, d, rho = rho), silent = TRUE)
      if (!inherits(f, "try-error")) tell(i, paste0("logrank_", rho), f$chisq)
    }
  }
  if (sum(d$e1) == 0) next
  rhs <- "x1 + x2"
  if (length(unique(d$group)) > 1) rhs <- paste(rhs, "+ factor(group)")
  if (how$strata) rhs <- paste(rhs, "+ strata(stratum)")
  model <- as.formula(paste("y ~", rhs))
  d$own <- if (how$cluster) d$cluster else seq_len(nrow(d))
  for (ties in c("efron", "breslow")) {
    warned <- 0
    f <- withCallingHandlers(
      try(coxph(model, d, weights = w, ties = ties, control = exact, cluster = own), silent = TRUE),
      warning = function(m) { warned <<- 1; invokeRestart("muffleWarning") })
    if (inherits(f, "try-error")) { tell(i, paste0("cox_warned_", ties), 1); next }
    tell(i, paste0("cox_warned_", ties), max(warned, any(is.na(coef(f)))))
    if (any(is.na(coef(f)))) next
    tell(i, paste0("cox_coefficient_", ties), coef(f))
    tell(i, paste0("cox_se_", ties), sqrt(diag(f$naive.var)))
    tell(i, paste0("cox_robust_se_", ties), sqrt(diag(f$var)))
    tell(i, paste0("cox_likelihood_", ties), f$loglik)
    tell(i, paste0("cox_score_", ties), f$score)
    if (warned == 0 && ties == "efron") {
      if (!how$weights) {
        z <- try(cox.zph(f), silent = TRUE)
        if (!inherits(z, "try-error")) tell(i, "zph", z$table[, "chisq"])
      }
      if (!how$entry && !how$weights) tell(i, "concordance", f$concordance["concordance"])
    }
  }
  if (how$weights && any(w != round(w))) next
  # cox.zph and finegray leave weights out of their Kaplan-Meier curves: counts as weights are compared on repeated rows, without Efron's fractions
  d$person <- seq_len(nrow(d))
  d <- d[rep(seq_len(nrow(d)), w), ]
  ties <- if (how$weights) "breslow" else "efron"
  if (how$weights && !how$entry) {
    y <- Surv(d$time, d$e1)
    z <- try(cox.zph(coxph(model, d, ties = ties, control = exact)), silent = TRUE)
    if (!inherits(z, "try-error")) tell(i, "zph_repeated", z$table[, "chisq"])
  }
  if (any(d$event == 2) && !how$entry && !how$strata) {
    d$id <- seq_len(nrow(d)); d$state <- factor(d$event, 0:2)
    fg <- try(finegray(Surv(time, state) ~ ., d, etype = "1", id = id), silent = TRUE)
    if (inherits(fg, "try-error")) next
    rhs <- if (length(unique(d$group)) > 1) "x1 + x2 + factor(group)" else "x1 + x2"
    warned <- 0
    f <- withCallingHandlers(
      try(coxph(as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", rhs)), fg, weights = fgwt, cluster = person, ties = ties, control = exact), silent = TRUE),
      warning = function(m) { warned <<- 1; invokeRestart("muffleWarning") })
    if (inherits(f, "try-error") || any(is.na(coef(f)))) next
    name <- if (how$weights) "fg_repeated" else "fg"
    tell(i, paste0(name, "_warned"), warned)
    tell(i, paste0(name, "_coefficient"), coef(f))
    tell(i, paste0(name, "_robust_se"), sqrt(diag(f$var)))
  }
}
close(out)
cat(as.character(packageVersion("survival")))
