"""The record of an evening as a document: one file that is read without us, and proves itself offline.

Pure: a `Record` goes in, bytes come out, the same for the same. What is written holds pseudonyms and hashes, no names.
"""
