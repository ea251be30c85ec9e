// The phrases behind each group of cues. Data; no logic.
#pragma once

#include <array>
#include <string_view>

namespace swy::text::cues {

struct Group {
  std::string_view name;
  std::string_view phrases;  // separated by '|'
};

inline constexpr std::array kGroups = std::to_array<Group>({
    // jailbreak and injection
    {"ignore_rules",
     "ignore all|ignore previous|ignore the previous|ignore your|ignore the above|ignore the "
     "rules|ignore "
     "any|ignore everything|ignoring all|disregard all|disregard previous|disregard "
     "everything|disregard "
     "your|disregard the|forget your|forget all|forget everything|forget that you are|forget "
     "previous|"
     "override your|bypass your|bypass the restrictions|bypass any|drop all|previous "
     "directives|previous "
     "instructions|prior instructions|instructions are void|do not follow your|instead of "
     "following|no "
     "longer have to|not bound by|not required to follow|do not have to abide|don't have to "
     "follow|against "
     "your programming|against its programming|opposite of your"},
    {"rules_void",
     "do not apply|don't apply|does not apply|no longer apply|suspended|lifted|repealed|switched "
     "off|"
     "switch off|are disabled|is disabled|rules aside|research only|hypothetical"},
    {"no_limits",
     "no restrictions|without restrictions|without any restrictions|unrestricted|no limits|without "
     "limits|"
     "no limitations|unfiltered|no filter|without filter|without filters|no filters|uncensored|no "
     "censorship|without censorship|no rules|no content policy|no moral|no ethical|no "
     "ethics|without "
     "ethics|amoral|unethical|drop the rules|free from all|broken free|freed from|escaped the "
     "matrix|breaks "
     "free|moral limits|all limits|the rules imposed|typical confines|raw mode|no guidelines|any "
     "limits|"
     "had no restrictions"},
    // Dan, Stan, aim and evil are also a name, a name, a purpose and a word: they count only as
    // what
    // somebody is told to be.
    {"modes",
     "developer mode|dev mode|god mode|debug mode|admin mode|dan "
     "mode|jailbreak|jailbroken|unlocked "
     "mode|unlocked version|unrestricted mode|sudo mode|do anything now|do anything|are dan|as dan|"
     "named dan|dan, who|are stan|as stan|named stan|stan, who|are aim|as aim|aim, always|evil "
     "assistant|be evil|my evil|your evil|evil twin of yourself|evil ai|evil "
     "version|opposite day|unrestricted twin|"
     "unethical twin|unhinged"},
    {"persona",
     "you are now|from now on you|you are going to play|you are going to pretend|pretend to "
     "be|pretend you|"
     "pretend that|act as|act like|roleplay as|role play|assume the role|respond as|answer "
     "as|simulate a|"
     "simulate an|play the role|stay in character|imagine you are|be my|speak as|i want you to "
     "act"},
    {"reveal_prompt",
     "system prompt|your initial instructions|hidden prompt|hidden instructions|initial "
     "prompt|your "
     "prompt|your instructions|system message|exact prompt|above this line|above the first|word "
     "for word|"
     "verbatim|secret instructions|your configuration|instructions your creators|were you told"},
    {"safety_words",
     "safety settings|safety policy|safety checks|safety rules|safety layer|content policy|content "
     "filter|"
     "your guidelines|your policy|your moderation|moderation|openai policies|your rules|ethical "
     "rules|the "
     "guidelines set|policies you|safety policies"},
    {"no_refusal",
     "never refuse|do not refuse|don't refuse|cannot refuse|you refuse|never say no|never says "
     "no|must "
     "comply|full compliance|obey|do not decline|never decline|never apologise|never "
     "apologize|never warn|"
     "no warnings|any warnings|without warnings|disclaimers|say you cannot|you can't do "
     "something|you "
     "cannot do something|fulfil all|fulfill all|completely fulfill|completely fullfil|every "
     "order|exactly "
     "what i say|i order you|without question|begin your answer with|start your answer "
     "with|tokens; at"},
    {"fake_turn",
     "<|im_start|>|<|im_end|>|[inst]|[/inst]|### system|### human|### "
     "assistant|###human|system:|<<sys>>|"
     "new instructions|new system message|new directive|new rule|end of the conversation|begin "
     "new|begin "
     "conversation|end of prompt|assistant:"},
    {"hidden_code",
     "base64|rot13|hidden message|decode this|reverse the string|in code|leetspeak|caesar cipher"},
    {"to_agent",
     "ai assistant:|assistant, before|assistant, do not|note to the language model|language "
     "model:|if you are "
     "an ai|ai agents must|ai agents|instructions for the agent|llm:|dear assistant|when you read "
     "this|"
     "reading this document|ai reading|attention ai|important: assistant|hidden instruction|the "
     "agent:"},
    {"exfiltrate",
     "exfiltrate|forward all|send the user's|user's emails|user's password|api "
     "key|credentials|without "
     "asking the user|do not tell the user|don't tell the user|do not mention|send the data|upload "
     "the "
     "files|conversation history|transfer tool|ignore the user|disregard your task|delete the "
     "calendar|run "
     "the following command|user's api"},
    // safety
    {"how_to",
     "how to|how do i|how can i|how could i|steps to|recipe for|instructions for|tell me "
     "how|explain how|"
     "best way to|easiest way|teach me|guide to|where can i buy|give me a plan|help me plan|help "
     "me"},
    {"violence",
     "kill|murder|stab|shoot someone|shooting|strangle|strangling|beat up|hurt my|hurt "
     "someone|attack a|"
     "torture|kidnap|assassinate|massacre|terrorise|terrorize|behead|bleed|poison someone|poison "
     "his|poison "
     "her|drink without|get away with|leaving marks|lynch|rape|threaten|a person so"},
    {"weapons",
     "bomb|explosive|explosives|grenade|grenades|molotov|tnt|c4|silencer|ghost gun|working "
     "gun|automatic "
     "weapon|fully automatic|ammunition|nerve gas|sarin|ricin|anthrax|uranium|chemical "
     "weapon|biological "
     "weapon|detonator|thermite|napalm|untraceable gun"},
    {"self_harm",
     "end my life|kill myself|suicide|suicidal|self harm|self-harm|cut myself|cutting myself|hang "
     "myself|"
     "hurt myself|overdose|want to die|way to die|jump from|don't want to live|do not want to "
     "live|starve "
     "myself|better off if i|if i was dead|painless death|take my own life"},
    {"sexual",
     "sex|sexual|sexually|erotica|erotic|porn|pornographic|nude|nudes|naked|nsfw|orgasm|orgy|"
     "cybersex|horny|"
     "stripper|strip club|lap dance|hardcore|boobs|butt|seduce|masturbate|fetish|dirty "
     "story|steamy|busty|"
     "explicit sex|explicit scene|intimate scene|breasts"},
    {"hate",
     "slur|slurs|inferior|superior|vermin|exterminated|white race|my "
     "race|nazi|nazis|hitler|jews|blacks|"
     "black people|gay people|gays|muslims are|immigrants are|immigrants "
     "vermin|terrorists|mexicans|asian "
     "people|disabled people|women are|subhuman|ethnic cleansing|makes fun "
     "of|humiliates|propaganda|go back "
     "to their|insults for"},
    {"crime",
     "hack|hack into|hacking|malware|ransomware|keylogger|phishing|steal|stealing|shoplift|launder|"
     "laundering|counterfeit|forge|fake passport|fake id|fake company|evade taxes|pick the "
     "lock|clone a "
     "credit|credit card numbers|blackmail|break into|burglary|ddos|botnet|steals "
     "passwords|getting caught|"
     "setting off the alarm|hides from antivirus|get into my|scam|insider trading|bribe|ex's"},
    {"drugs",
     "meth|cocaine|heroin|crack|fentanyl|mdma|ecstasy|lsd|dmt|weed|marijuana|cannabis|opium|"
     "ketamine|"
     "amphetamine|drug dealer|dealer|drug test|get high|cough syrup|smuggle|shrooms|crystal"},
    {"benign_frame",
     "prevent|protect|history of|awareness|symptoms|treat|treatment|legal|law|laws|law "
     "requires|policy|"
     "museum|school fair|novel|support|report abuse|help "
     "line|helpline|defend against|signs of|difference between|meaning of"},
    // feedback
    {"thanks", "thank you|thanks|thx|cheers|appreciate it|thank|grateful"},
    {"praise",
     "great|perfect|perfectly|awesome|excellent|wonderful|brilliant|fantastic|amazing|nice|good "
     "job|well "
     "done|love it|super|beautiful|very helpful|really good|much better|nailed it|makes "
     "sense|exactly what|"
     "just what|exactly right|like a charm|all good|very clear|happy with|correct, thanks|that's "
     "right|got "
     "it|now i understand|i like this"},
    {"it_works",
     "that works|it works|works now|solved it|fixed it|that fixed|that helped|that solved|"
     "compiles now|working now|works perfectly|works like"},
    {"wrong",
     "wrong|incorrect|not right|not correct|mistaken|false|inaccurate|nonsense|that's not|that is "
     "not|no such|"
     "does not exist|doesn't exist|made this up|hallucinated|off by|you made|makes no sense|is "
     "bad"},
    {"not_asked",
     "not what i|didn't answer|did not answer|you misunderstood|you ignored|you forgot|you keep|i "
     "said|i "
     "asked for|you didn't|you did not|i wanted|instead you|always get|half of my|you gave me|my "
     "question"},
    {"broken",
     "doesn't work|does not work|not working|still broken|still the same|same error|doesn't "
     "compile|does "
     "not compile|throws an|fails with|it fails|error again|exception again|still not|still "
     "wrong|did not "
     "help|didn't help|didn't work|is broken|still fails"},
    {"bad_words",
     "useless|terrible|awful|not helpful|disappointed|bad answer|worse|too long|stupid|ridiculous|"
     "horrible|unacceptable|frustrating|answer is bad|waste of"},
    {"no_start", "no no|nope|no, |no that"},
    {"unclear",
     "what do you mean|how do you mean|don't understand|do not understand|clarify|confused|don't "
     "get it|i'm "
     "lost|i am lost|didn't follow|what does that mean|which one do you mean|do you mean|more "
     "specific|not "
     "clear|unclear|huh|refer to|like i'm five"},
    {"again",
     "again|try again|once more|one more time|repeat that|say that "
     "again|redo|regenerate|rephrase|reword|"
     "rewrite it|simplify this|simpler words|elaborate|more detail|go into more|explain it|explain "
     "that|"
     "please explain|in other words"},
    {"another",
     "another one|another version|another tone|another approach|different approach|different "
     "example|"
     "different title|different one|something else|something "
     "different|alternative|alternatives|other ideas|"
     "other options|give me a different|different answer|another idea"},
    // facts, creative work, code
    {"who_when",
     "who was|who is|who won|who wrote|who invented|who painted|who directed|who founded|who "
     "discovered|who holds|when did|when was|when were|when does|where was|where is|where "
     "does|which "
     "year|what year|which country|which countries|which company|which river|which king|which "
     "empire|which element|which language|which drug|which vitamins|at what age|name the"},
    {"how_much",
     "how many|how tall|how long|how far|how old|how much|how deep|how high|how big|how large|what "
     "percentage|population|distance|speed of|boiling point|melting point|half-life|gdp|score of|"
     "interest rate|minimum wage|by size|longest|largest|deepest|tallest|oldest"},
    {"what_is",
     "what is the|what are the|what was the|what were the|what does|what causes|what happened|"
     "capital of|is it true|is it safe|safe during|does it|explain the causes|history of|tell me "
     "about|"
     "symptoms|side effects|definition of|describe the symptoms|the official|how does|how is"},
    {"knowledge",
     "president|war|battle|treaty|king|queen|empire|nobel|planet|moon|moons|sun|element|chemical|"
     "formula|"
     "country|countries|parliament|amendment|constitution|invented|founded|born|died|disaster|"
     "disease|"
     "vaccine|vitamin|legal|tax|species|century|river|lake|desert|universe|prize|record|ceo|"
     "symphonies|"
     "earth|mountain|vote|pregnancy|human body|member|members"},
    {"creative",
     "write a|write me|write "
     "the|poem|story|haiku|limerick|lyrics|slogan|tweet|essay|speech|letter|dialogue|"
     "compose|invent|imagine|brainstorm|make up|fictional|create a|create an|draft|cover "
     "letter|blog post|"
     "continue the|bedtime|ideas for|names for|design a|title for|motivational"},
    {"transform",
     "translate|summarise|summarize|rewrite|paraphrase|shorten|proofread|correct the|convert|turn "
     "this|turn "
     "these|turn the|format this|sort these|extract|classify|merge|outline|change the tone|make "
     "this|make the "
     "list|fill in|fix the|clean up|refactor|optimise|optimize|add comments|below|following "
     "text|attached|"
     "this text|these notes|this sentence|this paragraph|my paragraph|this code|this list"},
    {"code",
     "python|javascript|java|c++|sql|regex|function|class|loop|unit test|unit "
     "tests|script|json|yaml|css|"
     "html|query|compile|bug|api|docker|git|code|rust|react|database"},
    {"chat",
     "hi|hello|hey|good morning|good evening|how are you|i feel|i am sad|do you like|do you "
     "think|what do "
     "you think|tell me a joke|let's|play a|should i|my friend|my day|i had a|you think"},
    {"arithmetic",
     "plus|minus|times|divided by|solve|compute|calculate|sum of|equation|derivative|x +|integral"},
    // modality
    {"draw",
     "draw|draw me|paint a|paint an|paint me|sketch a|sketch an|render a|render an|illustrate "
     "a|generate an "
     "image|generate a photo|generate a picture|generate a cover|create an image|create a "
     "picture|create an "
     "avatar|create a cartoon|create a comic|create pixel|create a wallpaper|create a banner|make "
     "an image|"
     "make me an image|make a picture|make a logo|make an icon|make a sticker|design a logo|design "
     "a poster|"
     "design a banner|design a sticker|into a picture|image of|picture of|photo of|drawing "
     "of|illustration "
     "of|painting of|portrait of|sketch of|produce an oil|i need an illustration|visualise "
     "a|visualize a"},
    {"image_style",
     "photorealistic|watercolor|watercolour|oil painting|digital art|digital painting|anime "
     "style|pixel art|"
     "cartoon of|16:9|4k|3d|soft light|illustration for|wallpaper with|sticker design|icon "
     "of|concept art|"
     "avatar for|cover image|comic strip|banner for"},
    {"image_words",
     "image|images|picture|pictures|photo|photos|drawing|drawings|illustration|illustrations|"
     "logo|poster|sketch|infographic|illustrated|diagram"},
    {"audio",
     "read this text aloud|read aloud|aloud|out loud|text to speech|to speech|voice "
     "recording|audio version|"
     "audio|audiobook|in a calm voice|a deep voice|female voice|male voice|say "
     "good|narrate|sing|voicemail|"
     "sound effect|the sound of|jingle|background music|compose music|a beat|bpm|mp3|spoken|speak "
     "your|let "
     "me listen|want to hear|hear this|play a lullaby|pronounce|record a|podcast intro|piano "
     "melody|lullaby|"
     "create a song|generate a voice|convert this article to speech|dictate"},
    {"sound_words", "voice|sound|song|music|speech|podcast|microphone|listen|wav"},
    {"with_image",
     "and draw|and paint|and generate|and show me|and create an|and include an image|with "
     "pictures|with "
     "images|with photos|with an illustration|with illustrations|with drawings|with a sketch|and "
     "drawings|and "
     "image|and a picture|a picture for|illustrated guide|together with a|matching card|a sketch "
     "for|and text|"
     "text and|caption and|photos of every|picture that fits|header image|infographic"},
    {"about_image",
     "in python|resize|format|file format|edit|editor|css|upload|print a|alt text|in "
     "words|recognition|"
     "conclusions|attention|salary|markdown|url|database|history of|who painted|who "
     "sang|dorian|how do i|how "
     "can i|what is|why does|why is|explain|difference|review my"},
    // difficulty
    {"constraints",
     "must|at least|at most|exactly|without using|only use|no more than|no fewer than|ensure "
     "that|make sure|"
     "should not|must not|subject to|in "
     "compliance|constraint|constraints|requirement|requirements|given "
     "that|assume that|such that|as well as|in addition|edge cases|taking into account"},
    {"reasoning",
     "prove|derive|step by step|trade-off|trade-offs|tradeoffs|analyse|analyze|compare and "
     "contrast|design "
     "a|architecture|algorithm|optimal|complexity|theorem|lemma|implement|debug|root cause|why "
     "does|evaluate "
     "the|justify|strategy|simulate|formal|rigorous|in "
     "depth|multi-step|refactor|concurrency|distributed|"
     "asymptotic|integral|eigenvalue|probability that|expected value|counterexample|invariant"},
});

// Cues that are no phrases.
enum Shape : std::size_t {
  kAsks,
  kStartsWh,
  kVeryShort,
  kShort,
  kLong,
  kVeryLong,
  kExclaims,
  kShapes
};
inline constexpr std::array<std::string_view, kShapes> kShapeNames = {
    "asks", "starts_wh", "very_short", "short", "long", "very_long", "exclaims"};

}  // namespace swy::text::cues
