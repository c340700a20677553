"""liverboard: from liver images and clinical facts to a tumour-board dossier for neuroendocrine liver metastases."""

__version__ = "0.1.0"
