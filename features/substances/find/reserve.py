"""Words of their own that stand within two letters of a watched name and are never a misspelt one.

Most were found by passing word lists of twenty European languages, the names of the `chemicals` package's 74,000 substances
and the Unique Ingredient Identifiers through `misspelt` and looking at every hit; the rest are words of the trade that we
thought of. What is left out on purpose are other languages' words for the substances themselves (fentanyyli, fentanylu).
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    # Everyday words, names of people, places and brands
    " fantail fantails entail entails entailed pentail ventail fontanel fontanels fontanelle fontaine fontaines fontain"
    " fontana fontanil fontanile fontanili fontanal fontani fontany fontanie fontanini fontanino fontanina fontanilla"
    " fontanela fontaniva fountain fountains fellaini ventana ventanal ventanas ventania ventanilla ventanita ventanni"
    " lentini fantini fantani fantanele fantanile fantanii frentani feniani fenian fenianie lentanyt lentany sentani"
    " fentonin fentanes fenton fenty sentinel centaine centini centanni dentini kentini bentini metaline metalen"
    " metallene metzen wildnis entangle entangled pentangle zentangle fenain protazene pritazene zentonil centany"
    " fertagyl prostazene"
    " sublimate sublimates sublimated sublimare sublimace sublimize effector effectors efectora effettori effettore efektora"
    " urogenic urogesic anaprotin clopidolum clopidol szarocin eurogesic setonil sentoni nurogesic"
    # Other chemicals, dyes and medicines
    " pentanol pentanal pentanyl pentanoyl pentanil pentynyl pentenyl pentayl pentanone pentane heptanyl heptanol"
    " hexanyl hentanyl centanyl bentonyl bentranil benzanil endanil enianil metanil metanyl montanyl menthanyl tensanyl"
    " entacyl fenazil fenapanil fenoxanil fenethanil fentazin fental fepanil fetanol phetanol phenonyl phenenyl phentane"
    " penthanil fonganil gentanol fenarol fenamil fenamin fentin fentiazac fentonium fenticonazole phenatyl phenetol"
    " phenetole phenanyl morphine etorphine porphine aporphine abeorphine brophene isotetrazene tetrazene tetrazine"
    " tetazine triazene diazene etazine metazine metazin mepazine merazine methazine metarene metaxone metazole metozone"
    " metrazone metacen metaben metadone metamine metilene metisene metixene mezene mikazene nemazene ketazine ketazone"
    " nitroxazepine nitrazine propargyl propiolyl propioloyl propenyl propanyl proponyl propinyl propylidene propiony"
    " propionic propionate propionyloxy phenacyl phenacetyl phenylacetyl phenoxyethyl phenmethyl phenylmethyl"
    " piperidine piperidin piperidines piperidinol piperidino piperidinyl piperideine piperazine piperazin piperitone"
    " piperonal piperonyl piperylene pyridone pyrrolidone pipecoline piperine piperidion anhydrate anhydrite chlorite"
    " chlorate chlorine bromine bromate iodine iodate oxime oxides dioxide feniramine pheniramine phenelzine phenamine"
    " fenfluramine fentermine phentermine haloperidol carfenil detomidine medetomidine dexmedetomidine tioperidone"
    " broadline bromcholine butylone nitazoxanide metronidazole etonogestrel etomidate etodolac"
)
RESERVED: Final = frozenset(_WORDS.split())
