import time

import pytest

from data.text.sentences import _STOPS, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('"Stop!" she cried. (He did.) "Why?" He left.', ['"Stop!" she cried.', "(He did.)", '"Why?"', "He left."]),
        ("“Really?” he asked. “Yes.” She smiled.", ["“Really?” he asked.", "“Yes.”", "She smiled."]),
        ("Is it?! Yes!!! No...", ["Is it?!", "Yes!!!", "No..."]),
        ("2001. 2010 came later.", ["2001.", "2010 came later."]),
    ],
)
def test_a_stop_and_closing_quotes_or_brackets_end_a_sentence(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Dr. Jones and St. Nicholas.",
        "Fruit, e.g. Apples, i.e. Things vs. Stones.",
        "J. R. R. Tolkien wrote it.",
        "It costs $3.50 and v1.2.3 of numpy.array is 1.5 times faster.",
        "See Fig. 3, No. 5, pp. 12 and vol. 2 of Jan. 1999.",
        "The U.S. Army and the U.K. Parliament.",
        "Well... maybe, or well . . . perhaps.",
        "“Stop!” he said? perhaps. or not.",
        "No stop at all",
    ],
)
def test_a_stop_inside_a_sentence_does_not_end_it(text):
    assert split_sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It was I. Then he came.", ["It was I.", "Then he came."]),
        ("She said no. He left.", ["She said no.", "He left."]),
        ("They live in the U.S. The others do not.", ["They live in the U.S.", "The others do not."]),
    ],
)
def test_what_looks_like_an_abbreviation_can_end_a_sentence(text, sentences):
    assert split_sentences(text) == sentences


def test_wide_stops_need_no_space():
    assert split_sentences("他说：「好。」然后走了！是 的。 完") == ["他说：「好。」", "然后走了！", "是 的。", "完"]


@pytest.mark.parametrize(
    "sentences",
    [
        pytest.param(["यह चाय है ।", "यह गर्म है।", "क्या वह आया?"], id="Hindi"),
        pytest.param(["এটা চা।", "সে এল।", "কেন?"], id="Bengali"),
        pytest.param(["यो चिया हो ।", "त्यो तातो छ ॥"], id="Nepali"),
        pytest.param(["ਇਹ ਚਾਹ ਹੈ।", "ਉਹ ਆਇਆ।"], id="Punjabi"),
        pytest.param(["یہ چائے ہے۔", "وہ آیا؟", "“ہاں۔”", "نہیں۔"], id="Urdu"),
        pytest.param(["هذا شاي.", "هل جاء؟", "نعم!"], id="Arabic"),
        pytest.param(["ይህ ሻይ ነው።", "መጣ፧", "አዎ፡፡", "አይ፨"], id="Amharic"),
        pytest.param(["Սա թեյ է։", "Նա եկավ:", "Ո՞ւր։"], id="Armenian"),
        pytest.param(["ဒါက လက်ဖက်ရည်၊ ပူတယ်။", "သူလာတယ်။"], id="Burmese"),
        pytest.param(["នេះជាតែ។", "គាត់មក៕"], id="Khmer"),
        pytest.param(["འདི་ཇ་ཡིན། །", "ཁོང་ཡོང་། །"], id="Tibetan"),
        pytest.param(["ეს ჩაია.", "ის მოვიდა."], id="Georgian"),
        pytest.param(["Αυτό είναι τσάι.", "Ήρθε;", "Ναι."], id="Greek"),
        pytest.param(["这是茶。", "他来了吗？", "是！"], id="Chinese"),
        pytest.param(["これは茶です．", "温度は３．５度です．", "来た？", "はい｡"], id="Japanese"),
    ],
)
def test_each_script_has_its_own_stops(sentences):
    assert split_sentences(" ".join(sentences)) == sentences


def test_the_marks_of_other_scripts_need_no_space_but_a_habit_does():
    assert split_sentences("ہے۔وہ") == ["ہے۔", "وہ"]
    assert split_sentences("है।वह") == ["है।", "वह"]
    for no_stop in ("3۔5", "ժամը 10:30", "Սա:Նա", "α;β", "ሰላም፡ነው", "a: b; C: D", "Αυτό; είναι"):
        assert split_sentences(no_stop) == [no_stop]


def test_thai_and_lao_end_at_a_space_between_letters_after_some_length():
    for clause in ("เด็กทุกคนชอบดื่มนมในตอนเช้าก่อนไปโรงเรียน", "ເດັກນ້ອຍທຸກຄົນມັກດື່ມນົມໃນຕອນເຊົ້າກ່ອນໄປໂຮງຮຽນ"):
        assert split_sentences(" ".join([clause] * 4)) == [f"{clause} {clause}"] * 2
        with_number = f"{clause}{clause} 12 {clause}{clause} Abc"
        assert split_sentences(with_number) == [with_number]
    assert len(split_sentences("tea is hot " * 100)) == 1  # the control: elsewhere a space ends nothing


@pytest.mark.peers
def test_our_stops_are_those_of_unicode_but_for_four_and_the_comma_of_burmese():
    regex = pytest.importorskip("regex")

    characters = [chr(number) for number in range(0x10000) if not 0xD800 <= number < 0xE000]
    stops = {character for character in characters if regex.match(r"\p{Sentence_Terminal}", character)}
    assert set(_STOPS) - stops == set("…།༎፡")
    scripts = "Arabic Devanagari Armenian Ethiopic Khmer Myanmar Mongolian Nko Syriac Han Ol_Chiki Lisu Vai"
    for script in scripts.split():
        assert {stop for stop in stops - set(_STOPS) if regex.match(rf"\p{{Script={script}}}", stop)} <= set("၊؝")


def test_spaces_around_sentences_go_and_no_sentence_is_empty():
    assert split_sentences("  One. \t\n Two.  ") == ["One.", "Two."]
    assert split_sentences("") == split_sentences(" \n ") == []


def test_nothing_but_white_space_is_lost():
    text = 'A. B? "C" d... (E.) 你好。F!G 1.2 . . x'
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("pattern", ["....", '."', '.""""', ". (", "。。。。", ".(((("])
def test_a_hostile_line_costs_no_more_than_another_of_its_length(pattern):
    started = time.process_time()  # of this process alone, whatever else the machine does
    split_sentences(pattern * 150_000)
    split_sentences(pattern[:1] + pattern[1:] * 150_000)
    assert time.process_time() - started < 60  # scanning each stop's neighbours again would take hours
